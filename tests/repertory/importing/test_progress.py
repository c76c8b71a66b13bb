import io

from repertory.importing.progress import Display, Tally, clock
from repertory.importing.sources import Item
from repertory.importing.uploading import Kind, Outcome


class Terminal(io.StringIO):
    def isatty(self):
        return True


def half_done():
    tally = Tally(found=4, found_size=4_000_000)
    tally.begun -= 10
    for kind in (Kind.STORED, Kind.REFUSED):
        tally.move(1_000_000)
        tally.add(Item(name="a", place="a", size=1_000_000), Outcome(kind))
    return tally


def test_a_terminal_sees_a_bar_that_is_redrawn():
    terminal = Terminal()
    display = Display(terminal)

    display.show(half_done())
    display.show(half_done())
    display.end()

    assert terminal.getvalue().count("\r[############            ]  50%  2/4 files") == 2
    assert "2.0/4.0 MB  0.2 MB/s  ETA 0:00:10  1 refused" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r")
    assert "\n" not in terminal.getvalue()


def test_others_see_plain_lines_now_and_then():
    stream = io.StringIO()
    display = Display(stream)

    display.show(half_done())
    assert stream.getvalue() == ""

    display._last_line -= 60
    display.show(half_done())
    assert stream.getvalue() == "2/4 files  2.0/4.0 MB  0.2 MB/s  ETA 0:00:10  1 refused\n"


def test_nothing_is_estimated_before_all_files_are_known():
    tally = half_done()
    tally.found = None
    stream = Terminal()

    Display(stream).show(tally)

    assert "2 files  2.0 MB  0.2 MB/s  looking for files" in stream.getvalue()


def test_who_wants_quiet_has_quiet():
    stream = Terminal()

    Display(stream, quiet=True).show(half_done())

    assert stream.getvalue() == ""


def test_times_are_shown_like_a_clock():
    assert [clock(0), clock(59.6), clock(3_723)] == ["0:00:00", "0:01:00", "1:02:03"]
