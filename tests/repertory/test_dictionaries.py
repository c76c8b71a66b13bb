import pytest

from repertory.dictionaries import FileElement, Span, read_dictionary

HEAD = "#\n# Tag\tVR\tName\tVM\tVersion\n\n"


@pytest.fixture
def read(tmp_path):
    def read(text):
        path = tmp_path / "some.dic"
        path.write_bytes(text if isinstance(text, bytes) else (HEAD + text).encode())
        return read_dictionary(str(path))

    return read


@pytest.mark.parametrize(
    ("line", "element"),
    [
        (
            "(0014,10a0)\tDA\tInvented\t1\tOURS",
            FileElement(Span(0x14, 0x14), Span(0x10A0, 0x10A0), "DA", "Invented"),
        ),
        (
            "(0014,10A0)\tDA\tInvented",
            FileElement(Span(0x14, 0x14), Span(0x10A0, 0x10A0), "DA", "Invented"),
        ),
        (
            "(0028,0106)\txs\tInvented\t2-2n\tOURS\r",
            FileElement(Span(0x28, 0x28), Span(0x106, 0x106), "US", "Invented", by_pixels=True),
        ),
        (
            "(5000-50FF,3000)\tox\tInvented\t1-n\tOURS",
            FileElement(Span(0x5000, 0x50FF, "e"), Span(0x3000, 0x3000), "OW", "Invented"),
        ),
        (
            '(00e1,"EL SCINT",c2)\tUI\tInvented\t1\tOURS',
            FileElement(Span(0xE1, 0xE1), Span(0xC2, 0xC2), "UI", "Invented", "EL SCINT"),
        ),
        (
            '(7001-o-70ff,"DLX",04-u-07)\tST\tInvented\t1\tOURS',
            FileElement(Span(0x7001, 0x70FF, "o"), Span(4, 7, "u"), "ST", "Invented", "DLX"),
        ),
    ],
)
def test_a_line_is_an_element(read, line, element):
    assert read(line) == (element,)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("0014,1020\tDA\tName\t1\tOURS", "line 4 of .* has no tag, such as"),
        ("(0014)\tDA\tName\t1\tOURS", "has no tag, such as"),
        ("(0014,1020) DA Name 1 OURS", "separated by tabs"),
        ("(0014,1020)\tDA", "separated by tabs"),
        ("(0014,1020)\tDA\tName\t1\tOURS\tmore", "separated by tabs"),
        ("(0014,1020)\tXX\tName\t1\tOURS", "no value representation"),
        ("(0014,1020)\tDA\t\t1\tOURS", "no name"),
        ("(0014,1020)\tDA\tName\tmany\tOURS", "no number of values"),
        ("(0016-0014,1020)\tDA\tName\t1\tOURS", "ends before it begins"),
        ('(0014,"OURS",20)\tDA\tName\t1\tOURS', "group is not odd"),
        ('(0015,"",20)\tDA\tName\t1\tOURS', "creator without a name"),
        (b"\x7fELF\0\1\2\3", "line 1 of .* separated by tabs"),
    ],
)
def test_a_line_that_is_none_is_told_by_its_number(read, line, reason):
    with pytest.raises(ValueError, match=f"must name dictionaries of DCMTK: .*{reason}"):
        read(line)


def test_what_every_dictionary_knows_is_passed_over(read):
    assert read("(0009-o-FFFF,0010-u-00FF)\tLO\tPrivateCreator\t1\tPRIVATE") == ()


def test_a_file_that_is_not_there_or_is_none_is_told(tmp_path):
    with pytest.raises(ValueError, match=r"must name files that exist, not .*missing\.dic"):
        read_dictionary(str(tmp_path / "missing.dic"))
    with pytest.raises(ValueError, match=r"must name files that can be read, not .*directory"):
        read_dictionary(str(tmp_path))


@pytest.mark.parametrize(
    ("span", "held", "others"),
    [
        (Span(4, 4), [4], [3, 5]),
        (Span(4, 8, "e"), [4, 6, 8], [3, 5, 7, 10]),
        (Span(4, 8, "o"), [5, 7], [4, 6, 8, 9]),
        (Span(4, 8, "u"), [4, 5, 8], [3, 9]),
    ],
)
def test_a_range_holds_its_numbers(span, held, others):
    assert all(map(span.holds, held))
    assert not any(map(span.holds, others))
