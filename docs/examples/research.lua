-- Only studies of the research project come in, and only who belongs to it may delete.

function ReceivedInstanceFilter(dicom, origin, info)
  return dicom.PatientID ~= nil and dicom.PatientID:sub(1, 4) == "RES-"
end

function IncomingHttpRequestFilter(method, uri, ip, username, httpHeaders)
  if method == "DELETE" then
    return username == "manager" or ip == "127.0.0.1"
  end
  return true
end
