-- What scripts do with resources, said shortly: each is a request or two to the REST API.
--
-- What cannot be done is an error, which ends the callback: or the next step, a deletion perhaps,
-- would be taken as if this one had been.

local PLURAL = { Patient = "patients", Study = "studies", Series = "series", Instance = "instances" }

local function must(answer, what)
  if answer == nil then
    error(what .. " was refused by the REST API; see the log", 3)
  end
  return answer
end

local function level_of(id)
  local query = DumpJson({ Resources = { tostring(id) }, Metadata = false }, true)
  local found = ParseJson(must(RestApiPost("/tools/bulk-content", query), "The look-up"))
  if found[1] == nil then
    error("there is no such resource", 3)
  end
  return PLURAL[found[1].Type]
end

local function changes_of(replacements, removals, remove_private)
  local wanted = { Force = true }
  if next(replacements or {}) ~= nil then
    wanted.Replace = replacements
  end
  if next(removals or {}) ~= nil then
    wanted.Remove = removals
  end
  if remove_private ~= nil then
    wanted.RemovePrivateTags = remove_private
  end
  return DumpJson(wanted, true)
end

local function store(file, what)
  return ParseJson(must(RestApiPost("/instances", file), what)).ID
end

local function rework(level, verb, name)
  return function(id, replacements, removals, remove_private)
    local at = level or level_of(id)
    local wanted = changes_of(replacements, removals, remove_private)
    local answer = must(RestApiPost("/" .. at .. "/" .. id .. "/" .. verb, wanted), name)
    if at == "instances" then
      return store(answer, name)
    end
    return ParseJson(answer).ID
  end
end

for word, level in pairs(PLURAL) do
  _G["Modify" .. word] = rework(level, "modify", "Modify" .. word)
  _G["Anonymize" .. word] = rework(level, "anonymize", "Anonymize" .. word)
end
ModifyResource = rework(nil, "modify", "ModifyResource")
AnonymizeResource = rework(nil, "anonymize", "AnonymizeResource")

local function resources(ids)
  return type(ids) == "table" and ids or { ids }
end

function SendToModality(ids, modality, local_aet)
  local wanted = { Resources = resources(ids), LocalAet = local_aet, Synchronous = true }
  must(RestApiPost("/modalities/" .. modality .. "/store", DumpJson(wanted, true)), "SendToModality")
  return ids
end

function SendToPeer(ids, peer)
  local wanted = { Resources = resources(ids), Synchronous = true }
  must(RestApiPost("/peers/" .. peer .. "/store", DumpJson(wanted, true)), "SendToPeer")
  return ids
end

function Delete(ids)
  for _, id in ipairs(resources(ids)) do
    must(RestApiDelete("/" .. level_of(id) .. "/" .. id), "Delete")
  end
end

function SetStableStatus(id, stable)
  local verb = stable and "/stable" or "/unstable"
  must(RestApiPost("/" .. level_of(id) .. "/" .. id .. verb, ""), "SetStableStatus")
  return true
end
