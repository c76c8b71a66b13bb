import ast
import configparser
import re
import sys
from collections.abc import Iterator

import pytest

# The table of docs/explanation/layout.md: a package, and what of ours it may import besides itself.
# The first line that a module's name begins with is the one that holds.
WORDS = (
    "repertory.criteria",
    "repertory.deletion",
    "repertory.dictionaries",
    "repertory.housekeeping",
    "repertory.events",
    "repertory.integrity",
    "repertory.jobs",
    "repertory.maintags",
    "repertory.members",
    "repertory.meters",
    "repertory.modalities",
    "repertory.nodes",
    "repertory.peers",
    "repertory.pictures",
    "repertory.places",
    "repertory.tiering",
    "repertory.trash",
    "repertory.vocabulary",
    "repertory.version",
)
EVERYTHING = ("repertory",)
MAY_IMPORT = {
    "repertory.model": (),
    "repertory.items": ("repertory.model",),
    "repertory.errors": (),
    "repertory.version": (),
    "repertory.maintags": (),
    "repertory.members": ("repertory.errors",),
    "repertory.meters": (),
    "repertory.criteria": ("repertory.model",),
    "repertory.deletion": ("repertory.model",),
    "repertory.events": ("repertory.model",),
    "repertory.integrity": ("repertory.model",),
    "repertory.housekeeping": ("repertory.model", "repertory.places"),
    "repertory.jobs": ("repertory.model",),
    "repertory.places": ("repertory.model",),
    "repertory.tiering": ("repertory.model", "repertory.places"),
    "repertory.trash": ("repertory.model",),
    "repertory.modalities": (),
    "repertory.nodes": (),
    "repertory.peers": (),
    "repertory.pictures": (),
    "repertory.vocabulary": (),
    "repertory.dictionaries": ("repertory.vocabulary",),
    "repertory.conf": (
        "repertory.dictionaries",
        "repertory.modalities",
        "repertory.peers",
        "repertory.vocabulary",
    ),
    "repertory.storage": (
        "repertory.model",
        "repertory.items",
        "repertory.errors",
        "repertory.conf.fields",
        *WORDS,
    ),
    "repertory.actors.messages": (
        "repertory.model",
        "repertory.items",
        "repertory.criteria",
        "repertory.deletion",
        "repertory.housekeeping",
        "repertory.events",
        "repertory.integrity",
        "repertory.jobs",
        "repertory.modalities",
        "repertory.nodes",
        "repertory.peers",
        "repertory.pictures",
        "repertory.places",
        "repertory.tiering",
        "repertory.trash",
    ),
    "repertory.actors": (
        "repertory.storage",
        "repertory.conf",
        "repertory.model",
        "repertory.items",
        "repertory.errors",
        *WORDS,
    ),
    "repertory.http": (
        "repertory.actors.messages",
        "repertory.actors.switchboard",
        "repertory.conf",
        "repertory.model",
        "repertory.items",
        "repertory.errors",
        *WORDS,
    ),
    "repertory": EVERYTHING,  # the doors: service, cli, testing, and what serves them
}
HOMES = {
    "pydicom": "repertory.storage",
    "apsw": "repertory.storage",
    "psycopg": "repertory.storage",
    "pymysql": "repertory.storage",
    "pyodbc": "repertory.storage",
    "pykka": "repertory.actors",
    "aiohttp": "repertory.http",
    "obstore": "repertory.storage",
    "cryptography": "repertory.storage",
    "aio_pika": "repertory.actors.targets",
    "aiormq": "repertory.actors.targets",
    "nats": "repertory.actors.targets",
}
"""A library that one folder alone may import, besides the doors."""

IMPORTED_AS = {"aio-pika": "aio_pika", "nats-py": "nats"}
"""Libraries that are imported by another name than they are installed by."""

FOLDERS = ("actors", "conf", "storage", "tests")


def begins(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix + ".")


def imports(tree: ast.Module) -> Iterator[str]:
    """Everything that is imported, also within functions; from-imports by their full name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def may_import(module: str, target: str) -> bool:
    home = next(prefix for prefix in MAY_IMPORT if begins(module, prefix))
    allowed = (*MAY_IMPORT[home], home)
    return any(begins(target, prefix) for prefix in allowed)


def test_each_folder_imports_only_what_the_table_allows(shipped):
    offences = [
        f"{module} imports {target}"
        for module, tree in shipped.items()
        for target in imports(tree)
        if begins(target, "repertory") and not may_import(module, target)
    ]

    assert offences == []


@pytest.mark.parametrize(
    ("module", "target"),
    [
        ("repertory.conf.settings", "repertory.errors.CannotStart"),
        ("repertory.model", "repertory.errors"),
        ("repertory.storage.index.sqlite.engine", "repertory.actors.base"),
        ("repertory.storage.areas.filesystem", "repertory.conf.settings.Settings"),
        ("repertory.actors.messages.instances", "repertory.errors.NotDicom"),
        ("repertory.actors.index", "repertory.http.app"),
        ("repertory.http.routes.instances", "repertory.storage.dicom"),
        ("repertory.http.bridge", "repertory.actors.index.IndexActor"),
    ],
)
def test_the_table_forbids(module, target):
    assert not may_import(module, target)


def test_a_library_is_imported_in_its_home_alone(shipped):
    offences = [
        f"{module} imports {target}"
        for module, tree in shipped.items()
        for target in imports(tree)
        for library, home in HOMES.items()
        if begins(target, library)
        and not begins(module, home)
        and any(begins(module, other) for other in MAY_IMPORT if MAY_IMPORT[other] != EVERYTHING)
    ]

    assert offences == []


def test_nothing_is_imported_by_a_relative_or_a_second_name(sources):
    relative = [
        f"{name}:{node.lineno}"
        for name, tree in sources.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    second_names = [
        f"{name} imports {target}"
        for name, tree in sources.items()
        for target in imports(tree)
        if target.split(".")[0] in FOLDERS
    ]

    assert relative == []
    assert second_names == []


def test_what_is_installed_imports_no_tests_and_no_tools(shipped):
    tools = ("bench", "docs", "hypothesis", "pytest", "setuptools")
    offences = [
        f"{module} imports {target}"
        for module, tree in shipped.items()
        for target in imports(tree)
        if target.split(".")[0] in tools
    ]

    assert offences == []


def test_the_libraries_that_are_imported_are_the_ones_that_are_required(root, shipped):
    setup = configparser.RawConfigParser()
    setup.read(root / "setup.cfg")
    extras = setup["options.extras_require"]
    required = {
        IMPORTED_AS.get(name := re.split(r"[<>=~!\[; ]", line)[0], name)
        for lines in (
            setup["options"]["install_requires"],
            extras["objectstore"],
            extras["encryption"],
            extras["speed"],
            extras["tracing"].replace("opentelemetry-api", "opentelemetry"),
            extras["postgresql"],
            extras["mysql"],
            extras["odbc"],
            extras["brokers"],
        )
        for line in lines.split("\n")
        if line
    } - {"opentelemetry-sdk"}  # in the package of the other
    imported = {target.split(".")[0] for tree in shipped.values() for target in imports(tree)}

    assert imported - set(sys.stdlib_module_names) - {"repertory"} == required


WHOLE_FIRST = ("pydicom",)
"""Packages whose modules import each other, loaded by whichever thread wants them first."""


def test_a_package_is_loaded_whole_before_its_parts(shipped):
    """Of two threads that begin at different ends, one would find a module that is half made.

    Python locks a module before its package, and breaks the deadlock that follows by handing out
    what there is. What processes of their own import (storage.pixels) has one thread.
    """
    offences = []
    for module, tree in shipped.items():
        if begins(module, "repertory.storage.pixels"):
            continue
        whole = set()
        for node in sorted(
            (it for it in ast.walk(tree) if isinstance(it, ast.Import | ast.ImportFrom)),
            key=lambda it: it.lineno,
        ):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                names = [node.module or ""]
            for name in names:
                package = name.partition(".")[0]
                if name in WHOLE_FIRST:
                    whole.add(name)
                elif package in WHOLE_FIRST and package not in whole:
                    offences.append(f"{module} imports {name}")

    assert offences == []
