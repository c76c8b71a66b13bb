import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import get_type_hints

import repertory.conf
from repertory.conf import orthanc, reference
from repertory.conf.comments import parse
from repertory.conf.fields import every_option, option_name, section_of
from repertory.conf.loading import load_settings
from repertory.conf.settings import Settings

CONF = Path(repertory.conf.__file__).parent
GROUPS = ("Deflated", "Jpeg", "Jpeg2000", "JpegLossless", "Jpip", "Mpeg2", "Mpeg4", "H265", "Rle")


def test_the_file_that_is_shipped_is_what_is_declared():
    assert (CONF / "defaults.json").read_text(encoding="utf-8") == reference.render_defaults()


def test_the_published_reference_is_what_is_declared():
    published = CONF.parent / "docs" / "reference" / "options.md"

    assert published.read_text(encoding="utf-8") == reference.render_options()


def test_the_file_that_is_shipped_says_the_defaults(monkeypatch):
    monkeypatch.chdir(CONF)

    assert load_settings(Path("defaults.json")) == Settings()


def test_the_file_that_is_shipped_names_every_option():
    text = reference.render_defaults()
    not_set = {
        ("AuthenticationEnabled",),
        ("DatabaseServerIdentifier",),
        ("DicomServerEnabled",),
        ("DicomThreadsCount",),
        ("FrontEndProcesses",),
        *((f"{group}TransferSyntaxAccepted",) for group in GROUPS),
    }
    named = set(parse(text).lines) | not_set

    switched_off = {names for names, _, _ in every_option(Settings) if is_switched_off(names[0])}

    assert {names for names, _, _ in every_option(Settings)} - switched_off <= named
    assert [names for names in switched_off if f'"{names[-1]}" : ' not in text] == []
    assert not named & switched_off
    assert '// "AuthenticationEnabled" : false' in text
    assert '// "DatabaseServerIdentifier" : ""' in text


def is_switched_off(section):
    # Its being there has an effect.
    fields = {option_name(field): field for field in dataclasses.fields(Settings)}
    return fields[section].default is None and section_of(
        get_type_hints(Settings)[fields[section].name]
    )


def test_the_file_that_is_shipped_is_json_once_its_comments_are_gone():
    lines = reference.render_defaults().splitlines()
    bare = "\n".join(line for line in lines if not line.lstrip().startswith("//"))

    assert json.loads(bare)["HttpPort"] == 8042


def test_every_option_has_a_meaning_that_is_a_sentence():
    for names, field, _ in every_option(Settings):
        assert field.metadata["option"].meaning.endswith("."), names


def test_sections_are_named_like_their_fields():
    for name, part in _sections(Settings):
        assert part.__section__.rpartition(".")[2] == name


def test_no_option_is_both_honoured_and_not():
    honoured = {".".join(names) for names, _, _ in every_option(Settings)}
    partly = {
        f"{section}.{name}" for section, names in orthanc.PARTLY_HONOURED.items() for name in names
    }

    assert honoured & (set(orthanc.NOT_HONOURED) | partly) == set()


def test_the_reference_can_be_written_anew(tmp_path):
    (tmp_path / "conf").mkdir()
    reference.write(tmp_path)

    assert (tmp_path / "conf" / "defaults.json").read_text() == reference.render_defaults()
    assert (tmp_path / "docs" / "reference" / "options.md").is_file()


def test_reading_a_configuration_imports_no_part_of_the_archive():
    code = (
        "import sys, repertory.conf.loading, repertory.conf.reference;"
        "print([m for m in sys.modules if m.startswith(('pykka', 'aiohttp', 'pydicom', 'apsw'))])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=CONF.parent
    )

    assert run.stdout.strip() == "[]"


def _sections(cls):
    types = get_type_hints(cls)
    for field in cls.__dataclass_fields__.values():
        part = section_of(types[field.name])
        if part is not None:
            yield option_name(field), part
            yield from _sections(part)
