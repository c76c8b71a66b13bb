"""The tree as the house tests see it: the files of a checkout, without what was made from them."""

import ast
import fnmatch
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def _ignored() -> tuple[str, ...]:
    lines = (ROOT / ".gitignore").read_text().split()
    return (".git", *(line.strip("/") for line in lines))


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def files() -> tuple[str, ...]:
    """All files of the checkout, as paths from its root with "/"."""
    ignored = _ignored()
    found = []
    for folder, below, names in os.walk(ROOT):
        here = Path(folder).relative_to(ROOT)
        below[:] = [d for d in below if not any(fnmatch.fnmatch(d, i) for i in ignored)]
        found += [
            (here / name).as_posix()
            for name in names
            if not any(fnmatch.fnmatch(name, i) for i in ignored)
        ]
    return tuple(sorted(found))


@pytest.fixture(scope="session")
def sources(files) -> dict[str, ast.Module]:
    """Each Python file, by its path, as a syntax tree."""
    return {
        name: ast.parse((ROOT / name).read_text(), name) for name in files if name.endswith(".py")
    }


@pytest.fixture(scope="session")
def shipped(sources) -> dict[str, ast.Module]:
    """Each module that is installed, by the name it is imported by."""
    folders = ("actors", "conf", "http", "repertory", "storage")
    modules = {}
    for name, tree in sources.items():
        parts = Path(name).with_suffix("").parts
        if parts[0] in folders:
            prefix = () if parts[0] == "repertory" else ("repertory",)
            parts = parts[:-1] if parts[-1] == "__init__" else parts
            modules[".".join((*prefix, *parts))] = tree
    return modules
