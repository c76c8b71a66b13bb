import importlib

import pytest

from repertory.actors.lua.machine import Finished, Limits, LuaMachine, ScriptError, Waiting
from repertory.errors import CannotStart


class Host:
    """Remembers what scripts say, and answers what they wait for."""

    def __init__(self):
        self.said = []
        self.failed = []
        self.waited = []
        self.credentials = None
        self.timeout = None

    def say(self, way, text):
        self.said.append((way, text))

    def call_failed(self, function, status, address):
        self.failed.append((function, status, address))

    def wait(self, kind, words):
        self.waited.append((kind, words[:3]))
        return 200, b"waited for"

    def set_credentials(self, username, password):
        self.credentials = (username, password)

    def set_timeout(self, seconds):
        self.timeout = seconds

    @property
    def printed(self):
        return [text for way, text in self.said if way == "print"]


@pytest.fixture
def host():
    return Host()


@pytest.fixture
def machine(host):
    return LuaMachine(
        host,
        limits=Limits(seconds=0.2, memory=16 << 20),
        configuration={"Name": "Test", "List": [1, 2], "Nested": {"Enable": True}},
    )


@pytest.fixture
def run(machine):
    """Run a script; what it waits for is answered by ``outcome``."""

    def start(text, outcome=(200, b"answer")):
        step = machine.start(1, machine.compile(text.encode(), "line"))
        while isinstance(step, Waiting):
            step = machine.resume(1, outcome)
        return step.value

    return start


@pytest.fixture
def prints(run, host):
    """What a script prints, line by line."""

    def start(text, outcome=(200, b"answer")):
        host.said.clear()
        run(text, outcome)
        return host.printed

    return start


def test_print_joins_by_commas_as_orthanc_does(prints):
    assert prints('print("a", 1, 1.5, nil, true)') == ["a, 1, 1.5, nil, true"]


def test_a_tree_is_printed_with_the_way_to_each_leaf(prints):
    assert prints('PrintRecursive({a=1,b={c="x"}})') == [
        "table",
        "\t[a], number, 1",
        "\t[b], table",
        "\t[b]\t[c], string, x",
    ]
    assert prints("PrintRecursive(5)") == ["number, 5"]


def test_a_table_that_holds_itself_is_printed_to_some_depth(prints):
    assert 50 < len(prints("local t={} t.t=t PrintRecursive(t)")) < 60


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("{}", "[]"),
        ('{1,2,"3","a",1.5,2.0}', '[1,2,3,"a",1.5,2]'),
        ('{a="1",b={c="01"},d=true}', '{"a":1,"b":{"c":1},"d":true}'),
        ('{a="1"}, true', '{"a":"1"}'),
        ("nil", "null"),
        ('{[1]="a",[3]="b"}', '{"1":"a","3":"b"}'),
        ('{[1]="a",x="b"}', '{"1":"a","x":"b"}'),
        ("print", "null"),
        ("0/0", "null"),
        ('"0x10"', "16"),
        ('"é"', '"é"'),
    ],
)
def test_json_is_written_as_orthanc_writes_it(prints, value, text):
    assert prints(f"print(DumpJson({value}))") == [text]


def test_json_is_read_into_tables(prints):
    script = 'local v = ParseJson(\'{"a":[1,null,2.5,"x",{"b":true}]}\')'
    assert prints(f"{script} print(v.a[1], v.a[2], v.a[3], v.a[4], v.a[5].b)") == [
        "1, nil, 2.5, x, true"
    ]


def test_what_is_no_json_is_nil_and_is_told(prints, host):
    assert prints('print(ParseJson("{"))') == ["nil"]
    assert host.failed == [("ParseJson", 0, "")]


def test_a_table_that_holds_itself_is_no_json(run):
    with pytest.raises(ScriptError, match="more than 100 deep"):
        run("local t={} t.t=t DumpJson(t)")


def test_numbers_beyond_luas_own_become_floats(prints):
    assert prints('print(ParseJson("[123456789012345678901234567890]")[1] > 1e29)') == ["true"]


def test_the_configuration_is_a_table(prints):
    assert prints(
        "local c = GetOrthancConfiguration() print(c.Name, c.List[2], c.Nested.Enable)"
    ) == ["Test, 2, true"]


def test_a_log_line_has_its_level(run, host):
    run('LogInfo("a") LogWarning("b") LogError("c")')

    assert host.said == [("info", "a"), ("warning", "b"), ("error", "c")]


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ('RestApiGet("/x?y")', ("rest", b"GET", b"/x?y", b"")),
        ('RestApiPost("/x", "body")', ("rest", b"POST", b"/x", b"body")),
        ('RestApiPut("/x", 5)', ("rest", b"PUT", b"/x", b"5")),
        ('RestApiDelete("/x", true)', ("rest", b"DELETE", b"/x", b"")),
        ('HttpGet("http://a/")', ("http", b"GET", b"http://a/", b"")),
        ('HttpPost("http://a/", "\\0\\255")', ("http", b"POST", b"http://a/", b"\0\xff")),
        ('HttpPut("http://a/", "b")', ("http", b"PUT", b"http://a/", b"b")),
        ('HttpDelete("http://a/")', ("http", b"DELETE", b"http://a/", b"")),
    ],
)
def test_a_request_is_left_to_the_host(machine, script, words):
    step = machine.start(1, machine.compile(f"return {script}".encode(), "line"))

    assert (step.kind, *step.words[:3]) == words


@pytest.mark.parametrize(
    ("script", "at"), [('RestApiGet("/x", false, h)', 0), ('HttpPost("u", "b", h)', 0)]
)
def test_headers_go_with_a_request(machine, script, at):
    text = f'local h = {{["X-A"] = "b"}} return {script}'
    step = machine.start(1, machine.compile(text.encode(), "line"))

    assert dict(step.words[3].items()) == {b"X-A": b"b"}


def test_an_answer_is_the_body_and_a_deletion_is_true(run):
    assert run('return RestApiGet("/x")') == b"answer"
    assert run('return RestApiDelete("/x")') is True
    assert run('return HttpGet("http://a")') == b"answer"
    assert run('return HttpDelete("http://a")') == b"SUCCESS"  # as Orthanc has it


@pytest.mark.parametrize("status", [0, 302, 404, 500])
def test_an_error_is_nil_and_is_told(run, host, status):
    assert run('return RestApiGet("/x")', (status, b"why")) is None
    assert host.failed == [("RestApiGet", status, "/x")]


@pytest.mark.parametrize("call", ["RestApiGet()", "RestApiGet({})", 'RestApiPost("/x")'])
def test_a_request_without_what_it_needs_is_nil(run, host, call):
    assert run(f"return {call}") is None
    assert len(host.failed) == 1


def test_who_a_script_is_to_others_and_how_patient(run, host):
    run('SetHttpCredentials("alice", "secret") SetHttpTimeout(3)')

    assert host.credentials == ("alice", "secret")
    assert host.timeout == 3.0
    with pytest.raises(ScriptError, match="number of seconds"):
        run("SetHttpTimeout(-1)")


def test_a_program_is_left_to_the_host(machine):
    step = machine.start(1, machine.compile(b'return os.execute("ls")', "line"))
    assert (step.kind, step.words) == ("shell", (b"ls",))
    assert machine.resume(1, (0,)).value is True

    step = machine.start(2, machine.compile(b'CallSystem("ls", {"-l", 5})', "line"))
    assert (step.kind, list(step.words[0].values())) == ("program", [b"ls", b"-l", b"5"])
    with pytest.raises(ScriptError, match="ended with 3"):
        machine.resume(2, (3,))


def test_where_lua_cannot_yield_the_host_waits(run, host):
    assert run('local s = ("a"):gsub("a", function() return RestApiGet("/in") end) return s') == (
        b"waited for"
    )
    assert run('return coroutine.wrap(function() return RestApiGet("/co") end)()') == b"waited for"
    assert [words[1] for _, words in host.waited] == [b"/in", b"/co"]


def test_two_callbacks_wait_at_a_time(machine):
    machine.load(b"function f(x) return x .. RestApiGet('/' .. x) end", "s.lua")

    assert isinstance(machine.call(1, "f", "a"), Waiting)
    assert isinstance(machine.call(2, "f", "b"), Waiting)
    assert machine.resume(1, (200, b"1")) == Finished(b"a1")
    assert machine.resume(2, (200, b"2")) == Finished(b"b2")


def test_a_script_waits_for_what_it_asks_while_it_is_loaded(machine, host):
    machine.load(b'start = RestApiGet("/system")', "s.lua")

    assert machine.start(1, machine.compile(b"return start", "line")).value == b"waited for"
    assert host.waited == [("rest", (b"GET", b"/system", b""))]


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("x = = 1", r'\[string "line"\]:1: unexpected symbol'),
        ('error("boom")', r'\[string "line"\]:1: boom'),
        ("nosuch.x = 1", r"attempt to index a nil value \(global 'nosuch'\)"),
        ("error({})", "an error that is no text, but a table"),
        ("coroutine.yield(1)", "yielded to nobody"),
        ("os.exit()", "would end the whole archive"),
        ("setmetatable({}, {__gc = print})", "__gc"),
    ],
)
def test_an_error_says_where_and_why(run, script, message):
    with pytest.raises(ScriptError, match=message):
        run(script)


def test_an_error_names_its_script(machine):
    with pytest.raises(ScriptError, match=r"^mine.lua:2: boom"):
        machine.load(b'\nerror("boom")', "mine.lua")


@pytest.mark.parametrize(
    "script",
    [
        "while true do end",
        "while true do pcall(function() while true do end end) end",
        "repeat until pcall(error) and false",
        "coroutine.wrap(function() while true do end end)() while true do end",
        "local function f() while true do end end xpcall(f, f) f()",
    ],
)
def test_an_endless_script_is_stopped(run, script):
    with pytest.raises(ScriptError, match="LuaTimeLimit"):
        run(script)

    assert run("return 1") == 1


def test_time_is_not_counted_while_a_script_waits(host):
    machine = LuaMachine(host, limits=Limits(seconds=0.05), configuration={})
    function = machine.compile(b"for i = 1, 3 do RestApiGet('/x') end return 'done'", "line")
    step = machine.start(1, function)
    while isinstance(step, Waiting):
        sum(range(2_000_000))  # longer than the limit, all in all
        step = machine.resume(1, (200, b""))

    assert step.value == b"done"


@pytest.mark.parametrize(
    "script",
    [
        'local s = "x" while true do s = s .. s end',
        "local t = {} while true do t[#t + 1] = {} end",
        'string.rep("x", 1000000000)',
    ],
)
def test_a_script_that_wants_too_much_memory_fails_alone(run, script):
    with pytest.raises(ScriptError, match="not enough memory"):
        run(script)

    assert run("return 1") == 1


@pytest.mark.parametrize(
    "thing",
    [
        "python",
        "package.loaded.python",
        "package.loadlib",
        "string.dump",
        "debug.sethook",
        "debug.getupvalue",
        "debug.getregistry",
        "debug.setmetatable",
        "package.searchers[3]",
        "package.loaded.debug.sethook",
        "require('debug').getupvalue",
    ],
)
def test_a_script_does_not_find(run, thing):
    assert run(f"return {thing}") is None


def test_nothing_of_python_is_within_reach(run):
    # Whatever hangs below the globals, three levels deep, is Lua's own.
    script = """
        local seen, foreign = {}, {}
        local function look(value, path, depth)
          if type(value) == "userdata" and io.type(value) == nil then
            foreign[#foreign + 1] = path
          elseif type(value) == "table" and not seen[value] and depth < 6 then
            seen[value] = true
            for k, v in pairs(value) do look(v, path .. "." .. tostring(k), depth + 1) end
            look(getmetatable(value), path .. ".meta", depth + 1)
          end
        end
        look(_G, "_G", 0)
        return table.concat(foreign, " ")
    """

    assert run(script) == b""


def test_compiled_code_is_no_script(run):
    assert run('return load("\\27Lua") == nil and loadstring("return 1")()') == 1


def test_names_of_lua_51_are_there(run):
    assert run("local a, b = unpack({1, 2}) return a + b") == 3


def test_without_lupa_an_archive_with_scripts_does_not_start(host, monkeypatch):
    def refuse(name, *_):
        if name.startswith("lupa"):
            raise ImportError(name)
        return real(name)

    real = importlib.import_module
    monkeypatch.setattr("repertory.actors.lua.machine.import_module", refuse)

    with pytest.raises(CannotStart, match=r"repertory\[lua\]"):
        LuaMachine(host, configuration={})
