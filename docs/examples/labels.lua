-- Label each study by its modalities, and note when it was complete.

function OnStoredInstance(instanceId, tags, metadata, origin)
  local study = ParseJson(RestApiGet("/instances/" .. instanceId .. "/study")).ID
  if tags.Modality ~= nil then
    RestApiPut("/studies/" .. study .. "/labels/" .. tags.Modality, "")
  end
end

function OnStableStudy(studyId, tags, metadata)
  RestApiPut("/studies/" .. studyId .. "/metadata/1024", os.date("%Y-%m-%d"))
  LogInfo("study " .. studyId .. " is complete")
end
