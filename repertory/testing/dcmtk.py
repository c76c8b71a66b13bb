"""DCMTK's programs, for tests that speak DICOM with somebody else."""

import os
import shutil
import subprocess
from pathlib import Path


def find_tool(name: str) -> str | None:
    """One of the programs, if it is installed.

    pynetdicom brings programs of the same names, which are scripts of Python.
    """
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        found = shutil.which(name, path=folder)
        if found is not None and not _is_script(Path(found)):
            return found
    return None


def run_tool(*words: object) -> tuple[int, str]:
    """Run one; its exit code, and all that it says.

    Raises:
        RuntimeError: it is not installed.
    """
    program = find_tool(str(words[0]))
    if program is None:
        raise RuntimeError(f"{words[0]} is not installed")
    done = subprocess.run(  # noqa: S603 - what was looked for
        [program, *map(str, words[1:])],
        env={**os.environ, "TCP_NODELAY": "1"},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def _is_script(program: Path) -> bool:
    with program.open("rb") as file:
        return file.read(2) == b"#!"
