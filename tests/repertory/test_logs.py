import io
import json
import logging
import threading
import warnings

import pytest
import structlog

from repertory import logs


@pytest.fixture
def output():
    """What is logged while a test runs; afterwards the process logs as it did before."""
    root = logging.getLogger()
    before = root.handlers[:], root.level, threading.excepthook
    stream = io.StringIO()
    with warnings.catch_warnings():
        logs.set_up(stream=stream, as_json=True)
        yield stream
    logging.captureWarnings(capture=False)
    for name in ("aiohttp.access", "pydicom", "pynetdicom"):
        logging.getLogger(name).disabled = False
    root.handlers[:], threading.excepthook = before[0], before[2]
    root.setLevel(before[1])
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def lines(stream):
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def events(stream):
    return [line["event"] for line in lines(stream)]


def test_an_event_is_a_line_of_json_with_its_fields(output):
    structlog.contextvars.bind_contextvars(actor="IndexActor")
    structlog.get_logger("repertory.actors.index").info("instances_recorded", count=3)
    (line,) = lines(output)

    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "level": "info",
        "event": "instances_recorded",
        "logger": "repertory.actors.index",
        "count": 3,
        "actor": "IndexActor",
    }


def test_patient_data_is_hidden_in_what_is_written(output):
    structlog.get_logger("x").info("thing_happened", patient_name="DOE^JANE", password="hunter2")

    assert "DOE" not in output.getvalue()
    assert "hunter2" not in output.getvalue()


def test_an_exception_is_logged_with_its_traceback_but_no_values(output):
    name = "DOE^JANE"

    def fail(patient):
        raise KeyError("sum")

    try:
        fail(name)
    except KeyError:
        structlog.get_logger("x").exception("thing_failed", uuid="u")
    (line,) = lines(output)

    assert (line["level"], line["uuid"]) == ("error", "u")
    assert "KeyError: 'sum'" in line["exception"]
    assert name not in line["exception"]


def test_numbers_and_texts_that_strict_json_lacks_are_written_all_the_same(output):
    structlog.get_logger("x").info("thing_happened", large=2**70, odd="\udce9")

    assert lines(output)[0]["large"] == 2**70


def test_errors_and_warnings_are_counted(output):
    before = logs.counts()
    log = structlog.get_logger("repertory.http")
    log.error("one")
    log.critical("two")
    log.warning("three")
    log.info("four")
    log.debug("five")

    now = logs.counts()

    assert {kind: now[kind] - before[kind] for kind in now} == {"error": 2, "warning": 1}


def test_levels_are_changed_at_run_time_by_category(output):
    http, index = (
        structlog.get_logger(f"repertory.{name}") for name in ("http.app", "storage.index")
    )
    http.debug("before")
    logs.set_level("http", "verbose")
    http.debug("after")
    index.debug("elsewhere")

    assert events(output) == ["after"]
    assert (logs.level_of("http"), logs.level_of("sqlite")) == ("verbose", "default")


def test_one_level_can_be_set_for_all_categories(output):
    logs.set_level("", "trace")
    assert {logs.level_of(category) for category in ("", *logs.CATEGORIES)} == {"trace"}

    logs.set_level("jobs", "default")
    assert logs.level_of("") == "default"


@pytest.mark.parametrize(("category", "level"), [("http", "loud"), ("kitchen", "trace")])
def test_unknown_categories_and_levels_are_refused(output, category, level):
    with pytest.raises(ValueError, match="no such"):
        logs.set_level(category, level)


def test_libraries_are_heard_by_level_and_in_the_same_form(output):
    library = logging.getLogger("asyncio")
    library.warning("slow callback of %s s", 3)
    library.info("not heard")
    logs.set_level("generic", "verbose")
    library.info("heard")
    library.debug("not heard")
    logs.set_level("generic", "trace")
    library.debug("heard, too")

    assert events(output) == ["slow callback of 3 s", "heard", "heard, too"]
    assert lines(output)[0]["logger"] == "asyncio"


def test_libraries_that_quote_patient_data_are_not_heard(output):
    logs.set_level("", "trace")
    logging.getLogger("pydicom").error("invalid value DOE^JANE")
    logging.getLogger("aiohttp.access").error("GET /studies?PatientName=DOE")

    assert lines(output) == []


def test_a_thread_that_ends_by_an_error_is_heard(output):
    thread = threading.Thread(target=lambda: {}["missing"], name="reader")
    thread.start()
    thread.join()
    (line,) = lines(output)

    assert (line["event"], line["thread"]) == ("thread_died", "reader")
    assert "KeyError" in line["exception"]


def test_people_at_a_terminal_get_lines_to_read(output):
    terminal = io.StringIO()
    logs.set_up(stream=terminal, as_json=False)
    structlog.get_logger("x").warning("thing_happened", count=3)

    assert "thing_happened" in terminal.getvalue()
    assert "count=3" in terminal.getvalue()
    assert not terminal.getvalue().startswith("{")


def test_lines_are_added_to_a_file(output, tmp_path):
    file = tmp_path / "repertory.log"
    file.write_text("before\n")
    logs.set_up(file=file)
    structlog.get_logger("x").info("thing_happened")
    logs.set_up(stream=output)

    before, line = file.read_text().splitlines()
    assert (before, json.loads(line)["event"]) == ("before", "thing_happened")


def test_logging_goes_on_when_nobody_reads_any_more(output, tmp_path):
    closed = io.StringIO()
    logs.set_up(stream=closed, as_json=True)
    closed.close()
    structlog.get_logger("x").info("thing_happened")
    logs.set_up(stream=output, as_json=True)
    structlog.get_logger("x").info("another_happened")

    assert events(output) == ["another_happened"]


@pytest.mark.parametrize(
    ("name", "category"),
    [
        ("repertory.http.routes.tools", "http"),
        ("repertory.actors.index", "sqlite"),
        ("repertory.actors.index_reader", "sqlite"),
        ("repertory.actors.indexing", "generic"),
        ("repertory.storage.index.sqlite.engine", "sqlite"),
        ("repertory.storage.dicom", "dicom"),
        ("repertory.actors.jobs.archive", "jobs"),
        ("repertory.actors.storage", "generic"),
        ("aiohttp.server", "http"),
        ("asyncio", "generic"),
    ],
)
def test_loggers_belong_to_the_categories_of_orthanc(name, category):
    assert logs.category_of(name) == category
