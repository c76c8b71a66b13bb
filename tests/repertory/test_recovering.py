import argparse
import base64
import subprocess
import sys
from pathlib import Path

import pytest

import repertory
from repertory.cli import main
from repertory.model import Compression
from repertory.recovering import add_arguments, form_of, run
from repertory.storage.areas import cipher
from repertory.storage.areas.cipher import Keys
from repertory.storage.compression import compress
from repertory.testing.files import make_dicom

ROOT = Path(repertory.__file__).parents[1]
CONTENT = make_dicom(size=60_000)
FORMS = list(Compression)


@pytest.fixture
def recover():
    def recover(*words):
        parser = argparse.ArgumentParser()
        add_arguments(parser)
        return run(parser.parse_args([str(word) for word in words]))

    return recover


@pytest.fixture
def stored(tmp_path):
    def stored(content=CONTENT, form=Compression.ZSTANDARD):
        path = tmp_path / "stored"
        path.write_bytes(compress(content, form, level=3, head=800))
        return path

    return stored


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("content", [CONTENT, make_dicom(meta=False)], ids=["dicom", "bare"])
def test_the_plain_file_comes_out_of_every_form(recover, stored, tmp_path, form, content):
    assert recover(stored(content, form), tmp_path / "out.dcm") == 0
    assert (tmp_path / "out.dcm").read_bytes() == content


@pytest.mark.parametrize("form", [Compression.ZLIB_WITH_SIZE, Compression.ZSTANDARD])
def test_what_was_compressed_need_not_be_dicom(recover, stored, tmp_path, form):
    assert recover(stored(b"%PDF-1.7", form), tmp_path / "out.pdf") == 0
    assert (tmp_path / "out.pdf").read_bytes() == b"%PDF-1.7"


def test_a_plain_file_that_is_not_dicom_is_taken_on_the_users_word(recover, tmp_path, capsys):
    (tmp_path / "stored").write_bytes(b"%PDF-1.7")

    assert recover(tmp_path / "stored", tmp_path / "out") == 1
    assert "neither compressed nor a DICOM file" in capsys.readouterr().err
    assert recover(tmp_path / "stored", tmp_path / "out", "--form=plain") == 0
    assert (tmp_path / "out").read_bytes() == b"%PDF-1.7"


def test_an_empty_file_is_an_empty_file(recover, tmp_path):
    (tmp_path / "stored").touch()

    assert recover(tmp_path / "stored", tmp_path / "out") == 0
    assert (tmp_path / "out").read_bytes() == b""


@pytest.mark.parametrize("form", FORMS)
def test_a_truncated_file_is_refused_and_nothing_is_written(
    recover, stored, tmp_path, form, capsys
):
    path = stored(form=form)
    path.write_bytes(path.read_bytes()[:500])

    assert recover(path, tmp_path / "out") == 1
    assert "damaged" in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["stored"]


@pytest.mark.parametrize("form", [Compression.ZLIB_WITH_SIZE, Compression.ZSTANDARD])
@pytest.mark.parametrize("place", [0.3, 0.5, 0.9])
def test_a_file_with_a_flipped_bit_is_refused(recover, stored, tmp_path, form, place, capsys):
    path = stored(form=form)
    content = bytearray(path.read_bytes())
    content[int(len(content) * place)] ^= 16
    path.write_bytes(content)

    assert recover(path, tmp_path / "out") == 1
    assert "is damaged" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_what_is_there_is_not_overwritten_unless_forced(recover, stored, tmp_path, capsys):
    (tmp_path / "out").write_text("precious")

    assert recover(stored(), tmp_path / "out") == 1
    assert "--force" in capsys.readouterr().err
    assert (tmp_path / "out").read_text() == "precious"
    assert recover(stored(), tmp_path / "out", "--force") == 0
    assert (tmp_path / "out").read_bytes() == CONTENT


def test_a_forced_recovery_that_fails_leaves_what_is_there(recover, stored, tmp_path):
    (tmp_path / "out").write_text("precious")
    path = stored()
    path.write_bytes(path.read_bytes()[:-1])

    assert recover(path, tmp_path / "out", "--force") == 1
    assert (tmp_path / "out").read_text() == "precious"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["out", "stored"]


def test_without_a_place_for_it_the_file_is_only_checked(recover, stored, capsys):
    path = stored()

    assert recover(path) == 0
    assert capsys.readouterr().out == f"{path}: Zstandard, 60000 bytes, whole.\n"


def test_a_file_that_is_not_there_is_named(recover, tmp_path, capsys):
    assert recover(tmp_path / "none") == 1
    assert "none: No such file or directory." in capsys.readouterr().err


@pytest.mark.parametrize("form", FORMS)
def test_the_form_is_found_out(stored, form):
    with stored(form=form).open("rb") as file:
        assert form_of(file) is form
        assert file.tell() == 0


def test_the_command_needs_no_server(stored, tmp_path):
    assert main(["recover", str(stored()), str(tmp_path / "out")]) == 0
    assert (tmp_path / "out").read_bytes() == CONTENT


def test_the_plain_file_goes_to_standard_output(stored):
    result = subprocess.run(
        [sys.executable, "-m", "repertory", "recover", str(stored()), "-"],
        cwd=ROOT,
        capture_output=True,
        timeout=30,
        check=True,
    )

    assert result.stdout == CONTENT


def test_the_help_teaches_by_examples():
    result = subprocess.run(
        [sys.executable, "-m", "repertory", "recover", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )

    assert "repertory recover FILE" in result.stdout


@pytest.fixture
def key_file(tmp_path):
    def key_file(number):
        file = tmp_path / f"key-{number}"
        file.write_bytes(base64.b64encode(bytes([number]) * 32))
        return file

    return key_file


@pytest.mark.parametrize("form", FORMS)
def test_an_encrypted_file_comes_out_in_the_clear(recover, stored, tmp_path, key_file, form):
    path = stored(form=form)
    path.write_bytes(cipher.encrypted(Keys({7: b"\2" * 32}, 7), path.read_bytes()))
    out = tmp_path / "out"

    assert recover("--key", key_file(1), "--key", key_file(2), path, out) == 0
    assert out.read_bytes() == CONTENT


def test_a_file_that_is_not_encrypted_needs_none_of_the_keys(recover, stored, tmp_path, key_file):
    assert recover("--key", key_file(1), stored(), tmp_path / "out") == 0
    assert (tmp_path / "out").read_bytes() == CONTENT


def test_without_the_right_key_nothing_is_written(recover, stored, tmp_path, key_file, capsys):
    path = stored()
    path.write_bytes(cipher.encrypted(Keys({7: b"\2" * 32}, 7), path.read_bytes()))
    out = tmp_path / "out"

    assert recover("--key", key_file(1), path, out) == 1
    assert "none of the keys opens it (it names the key 7)" in capsys.readouterr().err
    assert not out.exists()


def test_an_encrypted_file_that_was_changed_is_refused(recover, stored, tmp_path, key_file, capsys):
    path = stored()
    changed = bytearray(cipher.encrypted(Keys({7: b"\1" * 32}, 7), path.read_bytes()))
    changed[200] ^= 1
    path.write_bytes(changed)

    assert recover("--key", key_file(1), path, tmp_path / "out") == 1
    assert "or it is damaged" in capsys.readouterr().err


def test_a_key_file_that_holds_no_key_is_not_shown(recover, stored, tmp_path, capsys):
    bad = tmp_path / "bad"
    bad.write_text("c2VjcmV0")

    assert recover("--key", bad, stored()) == 1
    err = capsys.readouterr().err
    assert "must hold 32 bytes" in err
    assert "c2VjcmV0" not in err
    assert recover("--key", tmp_path / "none", stored()) == 1
    assert "cannot be read" in capsys.readouterr().err
