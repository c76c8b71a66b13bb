import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLES = sorted(path.name for path in (DOCS / "examples").glob("*.py"))


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_runs(root, tmp_path, name):
    # In a folder of its own, where it may leave an archive.
    run = subprocess.run(
        [sys.executable, DOCS / "examples" / name],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert run.returncode == 0, run.stderr
    assert run.stdout


def pages(root):
    return [root / "README.md", *(root / "docs").rglob("*.md")]


def test_the_python_in_the_documents_is_that_of_the_examples(root):
    # So it runs: a block of Python is a piece of an example, word for word.
    examples = "\n".join((DOCS / "examples" / name).read_text() for name in EXAMPLES)
    strange = [
        f"{page.relative_to(root)}: {block.splitlines()[0]}"
        for page in pages(root)
        for block in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
        if block.strip() not in examples
    ]

    assert strange == []


def test_the_lua_in_the_documents_is_that_of_the_examples(root):
    # tests/repertory/test_lua_examples.py runs those.
    examples = "\n".join(path.read_text() for path in sorted((DOCS / "examples").glob("*.lua")))
    blocks = [
        block
        for page in pages(root)
        for block in re.findall(r"```lua\n(.*?)```", page.read_text(), re.DOTALL)
    ]

    assert [block for block in blocks if block.strip() not in examples] == []
    assert blocks


def test_what_the_documents_link_to_is_there(root):
    broken = [
        f"{page.relative_to(root)}: {target}"
        for page in pages(root)
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text())
        if not target.startswith(("http://", "https://")) and not (page.parent / target).exists()
    ]

    assert broken == []


def test_every_verb_that_the_documents_tell_to_make_is_there(root):
    verbs = set(re.findall(r"^(\w+):.*## ", (root / "Makefile").read_text(), re.MULTILINE))
    told = {
        verb
        for page in pages(root)
        for verb in re.findall(r"(?:^|`)make (\w+)", page.read_text(), re.MULTILINE)
    }

    assert told <= verbs
    assert {"run", "test"} <= told
