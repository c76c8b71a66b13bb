import re
import shutil
import subprocess
import sys

import pytest

from repertory import Repertory, Settings
from repertory.actors.messages.system import DescribeTotals

pytestmark = pytest.mark.skipif(not shutil.which("curl"), reason="the README's commands use curl")


@pytest.fixture
def archive(tmp_path):
    settings = Settings(storage_directory=str(tmp_path / "archive"), http_port=0)
    with Repertory(settings) as archive:
        yield archive


@pytest.fixture
def commands(archive):
    """What a page tells to type, for the archive of this test; one text for each block."""

    def read(page):
        blocks = re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
        return [
            block.replace("localhost:8042", f"localhost:{archive.port}").replace(
                ".venv/bin/python", sys.executable
            )
            for block in blocks
            if "localhost:8042" in block
        ]

    return read


def run(commands: str) -> str:
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands.replace("curl ", "curl -sS --fail ")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.parametrize("page", ["README.md", "docs/quickstart.md"])
def test_the_page_leads_from_a_clone_to_a_stored_study_and_back(root, archive, commands, page):
    store, *look, delete = commands(root / page)

    assert '"Status" : "Success"' in run(store)
    assert archive.ask(DescribeTotals()).studies == 1
    # The last block of the README looks and deletes; in the quickstart each has its own.
    for block in look:
        assert "StudyInstanceUID" in run(block)
    assert '"RemainingAncestor" : null' in run(delete)
    assert archive.ask(DescribeTotals()).studies == 0
