-- Changes the queries of the DICOM protocol, before they are answered and before they are sent.

function IncomingFindRequestFilter(query, origin)
  query["0009,1001"] = nil   -- a private key of this workstation that matches nothing here
  return query
end

function IncomingWorklistRequestFilter(query, origin)
  query["0040,0100"][1]["0040,0001"] = origin.RemoteAet
  return query
end

function OutgoingFindRequestFilter(query, modality)
  if modality == "OLDPACS" and query["0008,0061"] ~= nil then query["0008,0061"] = "" end
  return query
end
