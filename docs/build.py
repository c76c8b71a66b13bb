"""Writes the reference pages from the code, or checks that they are what would be written.

    python docs/build.py            writes docs/reference/ and conf/defaults.json
    python docs/build.py --check    changes nothing; fails if a page is not what it should be

A page is made of what the code says of itself: names, types, defaults, docstrings. Messages,
words and log events are read from the source without running it. What a log event means stands in
``docs/events.toml``.
"""

import ast
import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("actors", "conf", "http", "repertory", "storage")
NOTICE = "<!-- Written by `make docs` from the code: change that, not this. -->\n"


def parse(path: Path) -> ast.Module:
    """A file as a syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def sources(*folders: str) -> Iterator[tuple[str, ast.Module]]:
    """The modules in some folders, by path."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), parse(path)


def classes(tree: ast.Module) -> Iterator[ast.ClassDef]:
    """The classes of a module, in their order."""
    return (node for node in tree.body if isinstance(node, ast.ClassDef))


def plain(text: str) -> str:
    """A docstring's words in Markdown: double backquotes become single ones."""
    return text.replace("``", "`")


def words(node: ast.ClassDef | ast.Module) -> str:
    """A docstring in Markdown, with a list of what is raised."""
    text, _, raised = (ast.get_docstring(node) or "").partition("Raises:\n")
    lines = [plain(text.strip()), ""]
    for entry in re.split(r"\n(?=    \w)", raised.rstrip()):
        name, _, when = entry.strip().partition(":")
        if name:
            lines.append(f"- raises `{name}`: {plain(' '.join(when.split()))}")
    return "\n".join(lines).strip() + "\n"


def fields(node: ast.ClassDef) -> list[str]:
    """The table of a dataclass's fields, with what is written below a field as its meaning."""
    rows = []
    for field, after in zip(node.body, [*node.body[1:], None], strict=True):
        if isinstance(field, ast.AnnAssign):
            kind = ast.unparse(field.annotation).strip("'")
            default = f"`{ast.unparse(field.value)}`" if field.value else ""
            rows.append((f"`{ast.unparse(field.target)}`", f"`{kind}`", default, meaning(after)))
    return table(("field", "type", "default", "meaning"), rows)


def meaning(node: ast.stmt | None) -> str:
    """The text that a statement is, where it is one: what stands below a field or a name."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return plain(" ".join(str(node.value.value).split()))
    return ""


def table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    """A table in Markdown, without the columns in which nothing stands."""
    if not rows:
        return []
    columns = [n for n in range(len(heads)) if any(row[n] for row in rows)]
    lines = [[row[n].replace("|", "\\|") for n in columns] for row in (heads, *rows)]
    lines.insert(1, ["---"] * len(columns))
    return [*("| " + " | ".join(line) + " |" for line in lines), ""]


def handlers() -> dict[str, set[str]]:
    """Which classes of actors handle which message."""
    found = defaultdict(set)
    found["CallIn"].add("every actor")
    for _, tree in sources("actors"):
        for node in classes(tree):
            for part in ast.walk(node):
                if isinstance(part, ast.FunctionDef):
                    for decorator in part.decorator_list:
                        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func).endswith(
                            "handles"
                        ):
                            found[ast.unparse(decorator.args[0])].add(f"`{node.name}`")
    # What handles and is no actor is a part of the one that has it among its bases.
    whole = {
        f"`{ast.unparse(base)}`": f"`{node.name}`"
        for _, tree in sources("actors")
        for node in classes(tree)
        if node.name.endswith("Actor")
        for base in node.bases
        if not ast.unparse(base).endswith("Actor")
    }
    return defaultdict(
        set, {kind: {whole.get(name, name) for name in names} for kind, names in found.items()}
    )


def message(node: ast.ClassDef, handled: set[str]) -> list[str]:
    """The entry of one message."""
    base = node.bases[0] if node.bases else None
    what = "Part of an answer."
    if isinstance(base, ast.Subscript):
        what = f"{ast.unparse(base.value)}, answered by `{ast.unparse(base.slice)}`."
    elif base is not None:
        what = f"{ast.unparse(base)}."
    if handled:
        verb = "Heard" if what == "Event." else "Handled"
        what += f" {verb} by {', '.join(sorted(handled))}."
    return [f"### {node.name}\n", f"*{what}*\n", words(node), *fields(node)]


def messages_page() -> str:
    """All that can be said to the archive."""
    lines = [
        NOTICE,
        "# Messages\n",
        "All that can be said to the archive, by topic. A *command* asks for a change, a *query*",
        "asks to know; both are answered by a value of the type that is given, or by an",
        "[error](errors.md). An *event* says what happened. Messages are built by keyword; the",
        "[words](words.md) in them are in `repertory.model` and `repertory.items`.\n",
    ]
    handled = handlers()
    for path, tree in sources("actors/messages"):
        topic = Path(path).stem
        if topic in {"__init__", "base"}:
            continue
        lines += [f"## {topic}\n", f"`repertory.actors.messages.{topic}`: {words(tree)}"]
        for node, after in zip(tree.body, [*tree.body[1:], None], strict=True):
            if isinstance(node, ast.ClassDef):
                lines += message(node, handled[node.name])
            else:
                lines += alias(node, after, "###")
    return "\n".join(lines).rstrip() + "\n"


def words_page() -> str:
    """What messages are made of."""
    lines = [
        NOTICE,
        "# Words\n",
        (
            "What [messages](messages.md) are made of: `repertory.model`, `.items`, `.integrity`,"
            "\n`.housekeeping` and `.events`.\n"
        ),
    ]
    names = ("model", "items", "integrity", "housekeeping", "events")
    modules = [parse(ROOT / "repertory" / f"{name}.py") for name in names]
    body = [node for tree in modules for node in tree.body]
    for node, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.ClassDef):
            lines += [f"## {node.name}\n", words(node), *fields(node), *members(node)]
        else:
            lines += alias(node, after, "##")
    return "\n".join(lines).rstrip() + "\n"


def alias(node: ast.stmt, after: ast.stmt | None, mark: str) -> list[str]:
    """The entry of a name for a type, if that is what a statement makes, and it is explained."""
    if not isinstance(node, ast.Assign) or not meaning(after):
        return []
    name, value = ast.unparse(node.targets[0]), ast.unparse(node.value)
    return [f"{mark} {name}\n", f"`{value}`\n", meaning(after) + "\n"]


def members(node: ast.ClassDef) -> list[str]:
    """The table of an enumeration's members."""
    if not any(ast.unparse(base) in {"Enum", "IntEnum"} for base in node.bases):
        return []
    rows = [
        (f"`{ast.unparse(part.targets[0])}`", f"`{ast.unparse(part.value)}`")
        for part in node.body
        if isinstance(part, ast.Assign)
    ]
    return table(("member", "value"), rows)


def errors_page() -> str:
    """The errors, and what they are on the wire."""
    from repertory.http.errors import TABLE  # noqa: PLC0415 - the one page that runs the code

    rows = {kind.__name__: row for kind, row in TABLE.items()}
    tree = parse(ROOT / "repertory" / "errors.py")
    drawn = (ast.get_docstring(tree) or "").split("\n\n")
    lines = [
        NOTICE,
        "# Errors\n",
        "What the archive answers instead of a value: `repertory.errors`. *Refused* means that",
        "asking again will not help; *failed*, that the archive should have done it.\n",
        "```",
        next(part for part in drawn if part.startswith("RepertoryError\n")),
        "```\n",
        "Over HTTP an error is a status and, in the body, Orthanc's code and Orthanc's text for",
        "it (`OrthancStatus`, `OrthancError`); `Details` is the error's own sentence. Anything",
        "that is not in the table is a bug: it is logged with its traceback and answered by 500,",
        "code -1.\n",
    ]
    entries = []
    for node in classes(tree):
        row = rows.get(node.name)
        status, code = (str(row.status), str(row.code)) if row else ("–", "–")
        sentence = plain((ast.get_docstring(node) or "").splitlines()[0])
        entries.append((f"`{node.name}`", status, code, sentence))
    lines += table(("error", "status", "code", "meaning"), entries)
    return "\n".join(lines).rstrip() + "\n"


LEVELS = {"debug": 0, "info": 1, "warning": 2, "error": 3, "exception": 3, "critical": 4}
LEVEL_NAMES = ("debug", "info", "warning", "error", "critical")


def log_methods(node: ast.AST) -> set[str]:
    """The levels of the logger's methods that an expression speaks of."""
    return {
        part.attr
        for part in ast.walk(node)
        if isinstance(part, ast.Attribute)
        and part.attr in LEVELS
        and ast.unparse(part.value) in {"log", "structlog.get_logger(__name__)"}
    }


def log_calls(tree: ast.Module) -> Iterator[tuple[ast.Call, set[str]]]:
    """Every call that logs, with its levels; also by a name that stands for such a method."""
    aliases = {
        ast.unparse(node.targets[0]): log_methods(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and log_methods(node.value)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            levels = aliases.get(ast.unparse(node.func)) or (
                log_methods(node.func) if isinstance(node.func, ast.Attribute) else None
            )
            if levels:
                yield node, levels


def log_events() -> dict[str, tuple[set[int], set[str], set[str]]]:
    """Each log event: its levels, its fields, and the modules that say it."""
    events: dict[str, tuple[set[int], set[str], set[str]]] = {}
    for path, tree in sources(*FOLDERS):
        for call, levels in log_calls(tree):
            name = ast.literal_eval(call.args[0])
            known = events.setdefault(name, (set(), set(), set()))
            known[0].update(LEVELS[level] for level in levels)
            known[1].update(key.arg for key in call.keywords if key.arg not in {None, "exc_info"})
            known[2].add(path)
    return events


def events_page() -> str:
    """What the archive logs."""
    meanings = tomllib.loads((ROOT / "docs" / "events.toml").read_text(encoding="utf-8"))
    lines = [
        NOTICE,
        "# Log events\n",
        "What the archive says in its log: one word for what happened, and fields. There is never",
        "patient data in it. *debug*: each file and message; *info*: what users see change;",
        "*warning*: odd, but it heals; *error*: a request failed by our fault; *critical*: the",
        "archive stops. Each line that an actor says also has `actor`.\n",
    ]
    entries = []
    for name, (levels, keys, paths) in sorted(log_events().items()):
        level = ", ".join(LEVEL_NAMES[level] for level in sorted(levels))
        shown = ", ".join(f"`{key}`" for key in sorted(keys))
        places = ", ".join(f"`{path}`" for path in sorted(paths))
        entries.append((f"`{name}`", level, shown, meanings.get(name, ""), places))
    lines += table(("event", "level", "fields", "meaning", "said in"), entries)
    return "\n".join(lines).rstrip() + "\n"


def options_page() -> str:
    """The options, as the configuration tells of itself."""
    from repertory.conf.reference import render_options  # noqa: PLC0415 - only where it is needed

    return render_options()


def defaults_file() -> str:
    """The configuration file with every option."""
    from repertory.conf.reference import render_defaults  # noqa: PLC0415 - only where it is needed

    return render_defaults()


def routes_page() -> str:
    """The REST API: each route with its handler's docstring."""
    from repertory.http.routes import ALL  # noqa: PLC0415 - only where it is needed

    lines = [
        NOTICE,
        "# Routes\n",
        "The REST API. Paths, parameters and answers are Orthanc's. What can be got can be asked",
        "for by HEAD too. Parameters are those of the query; what is refused is answered by one of",
        "the [errors](errors.md).\n",
    ]
    for routes in ALL:
        module = sys.modules[routes[0].handler.__module__]
        lines += [f"## {module.__name__.rpartition('.')[2]}\n", f"{module.__doc__}\n"]
        entries: dict[tuple[str, str], list[str]] = defaultdict(list)
        for route in routes:
            levels = "|".join(level.plural for level in route.levels)
            path = route.path.replace("{level}", levels)
            entries[route.method, route.documentation].append(path)
        for (method, documentation), (path, *others) in entries.items():
            lines.append(f"### {method} {path}\n")
            if others:
                lines.append("Also " + ", ".join(f"`{other}`" for other in others) + ".\n")
            lines.append(plain(documentation) + "\n")
    return "\n".join(lines).rstrip() + "\n"


PAGES = {
    "conf/defaults.json": defaults_file,
    "docs/reference/errors.md": errors_page,
    "docs/reference/events.md": events_page,
    "docs/reference/messages.md": messages_page,
    "docs/reference/options.md": options_page,
    "docs/reference/routes.md": routes_page,
    "docs/reference/words.md": words_page,
}


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Write the pages below ``root``, or check them; how many are not as they should be."""
    wrong = 0
    for name, page in PAGES.items():
        path = root / name
        text = page()
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        if "--check" in arguments:
            print(f"{name} is not what the code says: make docs")
            wrong += 1
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(name)
    return wrong


if __name__ == "__main__":
    sys.path.append(str(ROOT))  # in a checkout that is not installed
    sys.exit(main(sys.argv[1:]))
