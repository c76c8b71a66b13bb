-- What every script finds, beside Lua's own libraries, and what keeps it within its limits.
--
-- Called once, with the functions of the host; gives the host its own in return. A callback runs as
-- a coroutine. What takes time (a request, a program) yields to the host, which resumes it with the
-- outcome, and does other things meanwhile. Where Lua cannot yield (in the comparison of a sort, in
-- a coroutine of the script's own), the host waits. The host's functions are never seen by a script:
-- they are but upvalues, and there is no debug.getupvalue.

local host = ...

local create, resume, yield = coroutine.create, coroutine.resume, coroutine.yield
local running, status, isyieldable = coroutine.running, coroutine.status, coroutine.isyieldable
local error, ipairs, pairs, rawget, select = error, ipairs, pairs, rawget, select
local tostring, type, raw_load, raw_loadfile = tostring, type, load, loadfile
local raw_setmetatable, raw_xpcall = setmetatable, xpcall
local concat, sort, unpack_table = table.concat, table.sort, table.unpack
local sethook = debug.sethook
local globals = _G

local INSTRUCTIONS = 100000
local DEEPEST = 50
local waits = {}
local threads = {}
local current = nil

-- Time

local function watch(thread)
  local function look()
    if host.expired() then
      -- From here on at each instruction: or a script that catches errors would go on for ever.
      sethook(thread, look, "", 1)
      error("stopped: it ran for longer than LuaTimeLimit", 0)
    end
  end
  sethook(thread, look, "", INSTRUCTIONS)
  return thread
end

local function pass_on(ok, ...)
  if not ok then
    error((...), 0)
  end
  return ...
end

function coroutine.create(f)
  return watch(create(f))
end

function coroutine.wrap(f)
  local thread = watch(create(f))
  return function(...)
    return pass_on(resume(thread, ...))
  end
end

-- A handler is called where the error is. Where that is our own look at the time, Lua looks at no
-- time meanwhile: an endless handler would never end.
function xpcall(f, handler, ...)
  return raw_xpcall(f, function(reason)
    if host.expired() then
      return reason
    end
    return handler(reason)
  end, ...)
end

local function await(...)
  if current ~= nil and running() == current and isyieldable() then
    return yield(waits, ...)
  end
  return host.wait(...)
end

-- What is not for a script in a process that others share

python = nil
package.loaded.python = nil
package.loadlib = nil
package.cpath = ""
package.searchers = { package.searchers[1], package.searchers[2] }
string.dump = nil
debug = { getinfo = debug.getinfo, traceback = debug.traceback }
package.loaded.debug = debug

function os.exit()
  error("os.exit would end the whole archive", 2)
end

function os.setlocale()
  return nil
end

-- Compiled code is not checked by Lua: it could crash the process.
function load(chunk, name, _, ...)
  return raw_load(chunk, name, "t", ...)
end

function loadfile(path, _, ...)
  return raw_loadfile(path, "t", ...)
end

function dofile(path)
  local chunk, message = raw_loadfile(path, "t")
  if chunk == nil then
    error(message, 0)
  end
  return chunk()
end

-- Lua runs finalizers without looking at the time: an endless one would never end.
function setmetatable(object, metatable)
  if type(metatable) == "table" and rawget(metatable, "__gc") ~= nil then
    error("__gc is not to be had", 2)
  end
  return raw_setmetatable(object, metatable)
end

-- As Lua 5.1 calls them
loadstring = load
unpack = unpack_table

-- Texts

local function text_of(value)
  local kind = type(value)
  if kind == "string" then
    return value
  elseif kind == "number" then
    return tostring(value)
  end
  return nil
end

function print(...)
  local parts = {}
  for place = 1, select("#", ...) do
    parts[place] = tostring((select(place, ...)))
  end
  host.say("print", concat(parts, ", "))
end

function LogInfo(text)
  host.say("info", tostring(text))
end

function LogWarning(text)
  host.say("warning", tostring(text))
end

function LogError(text)
  host.say("error", tostring(text))
end

local function by_name(one, other)
  if type(one) == type(other) and (type(one) == "number" or type(one) == "string") then
    return one < other
  end
  return type(one) < type(other)
end

local function show(value, path, depth)
  local before = path == "" and "" or path .. ", "
  if type(value) ~= "table" then
    host.say("print", before .. type(value) .. ", " .. tostring(value))
    return
  end
  host.say("print", before .. "table")
  if depth == DEEPEST then
    return
  end
  local names = {}
  for name in pairs(value) do
    names[#names + 1] = name
  end
  sort(names, by_name)
  for _, name in ipairs(names) do
    show(value[name], path .. "\t[" .. tostring(name) .. "]", depth + 1)
  end
end

function PrintRecursive(value)
  show(value, "", 0)
end

-- JSON

function ParseJson(text)
  local ok, value = host.parse_json(text_of(text) or "")
  if not ok then
    host.failed("ParseJson", 0, "")
    return nil
  end
  return value
end

function DumpJson(value, keep_strings)
  local ok, text = host.dump_json(value, keep_strings == true)
  if not ok then
    error(text, 2)
  end
  return text
end

function GetOrthancConfiguration()
  return host.configuration()
end

-- Requests

local function is_good(answered)
  return answered >= 200 and answered < 300
end

local function caller(kind, name, method, sends, deleted)
  return function(address, ...)
    local body, headers = "", nil
    if sends then
      body, headers = ...
    else
      headers = ...
    end
    if type(headers) ~= "table" then -- RestApi* have "builtin" before their headers
      headers = select(sends and 3 or 2, ...)
    end
    address, body = text_of(address), text_of(body)
    if address == nil or body == nil then
      host.failed(name, 0, "")
      return nil
    end
    local answered, answer = await(kind, method, address, body, headers)
    if not is_good(answered) then
      host.failed(name, answered, address)
      return nil
    elseif method == "DELETE" then
      return deleted
    end
    return answer
  end
end

for name, sends in pairs({ Get = false, Post = true, Put = true, Delete = false }) do
  local method = name:upper()
  globals["RestApi" .. name] = caller("rest", "RestApi" .. name, method, sends, true)
  globals["Http" .. name] = caller("http", "Http" .. name, method, sends, "SUCCESS")
end

function SetHttpCredentials(username, password)
  host.set_credentials(text_of(username) or "", text_of(password) or "")
end

function SetHttpTimeout(seconds)
  if type(seconds) ~= "number" or seconds ~= seconds or seconds < 0 then
    error("SetHttpTimeout wants a number of seconds", 2)
  end
  host.set_timeout(seconds)
end

-- Programs

function os.execute(command)
  if command == nil then
    return true
  end
  local code = await("shell", text_of(command) or error("os.execute wants a text", 2))
  return code == 0 or nil, "exit", code
end

function CallSystem(command, arguments)
  local words = { text_of(command) or error("CallSystem wants the name of a program", 2) }
  for _, word in ipairs(arguments or {}) do
    words[#words + 1] = tostring(word)
  end
  local code = await("program", words)
  if code ~= 0 then
    error("CallSystem: " .. words[1] .. " ended with " .. tostring(code), 2)
  end
end

-- For the host

local function step(number, ok, ...)
  local thread = threads[number]
  if ok and status(thread) == "suspended" then
    if (...) == waits then
      return "waits", select(2, ...)
    end
    threads[number] = nil
    return "failed", "yielded to nobody: a callback is no coroutine of its own"
  end
  threads[number] = nil
  if ok then
    return "done", (...)
  end
  local reason = ...
  if type(reason) ~= "string" and type(reason) ~= "number" then
    reason = "an error that is no text, but a " .. type(reason)
  end
  return "failed", tostring(reason)
end

local function go_on(number, ...)
  local before = current
  current = threads[number]
  local function settled(...)
    current = before
    return step(number, ...)
  end
  return settled(resume(current, ...))
end

return {
  compile = function(text, name)
    return raw_load(text, name, "t")
  end,
  has = function(name)
    return type(rawget(globals, name)) == "function"
  end,
  named = function(name)
    return rawget(globals, name)
  end,
  start = function(number, f, ...)
    threads[number] = watch(create(f))
    return go_on(number, ...)
  end,
  resume = function(number, ...)
    return go_on(number, ...)
  end,
  forget = function(number)
    threads[number] = nil
  end,
}
