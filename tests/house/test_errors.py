import inspect
import re

import pytest

from repertory import errors
from repertory.errors import CannotStart, RepertoryError
from repertory.http.errors import TABLE

ERRORS = [
    kind
    for kind in vars(errors).values()
    if inspect.isclass(kind) and issubclass(kind, RepertoryError)
]


def tree_of(text: str) -> dict[str, str]:
    """The tree drawn in a docstring: each class with its parent."""
    parents: dict[str, str] = {}
    branches: list[tuple[int, str]] = []
    for line in text.splitlines():
        drawn = re.match(r"[│├└─ ]*", line).group()
        names = re.match(r"[A-Z]\w+(?:, [A-Z]\w+)*", line[len(drawn) :])
        if names is None or (branches and not drawn):
            continue
        branches = [branch for branch in branches if branch[0] < len(drawn)]
        for name in names.group().split(", "):
            parents[name] = branches[-1][1] if branches else "Exception"
        branches.append((len(drawn), names.group().split(", ")[-1]))
    return parents


def test_the_tree_in_the_docstring_is_the_tree():
    text = errors.__doc__[errors.__doc__.index("RepertoryError\n") :]

    assert tree_of(text) == {kind.__name__: kind.__base__.__name__ for kind in ERRORS}


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_an_error_says_what_it_means_in_a_sentence(kind):
    assert "__doc__" in vars(kind)
    assert str(kind()) == inspect.getdoc(kind).splitlines()[0]
    assert re.fullmatch(r"[A-Z].*\.", str(kind()))


def test_an_error_keeps_the_words_that_it_is_raised_with():
    assert str(errors.NotDicom("The preamble is missing.")) == "The preamble is missing."


def test_every_error_that_a_request_can_meet_has_its_row_and_no_other_has():
    before_any_request = {CannotStart}

    assert set(TABLE) == set(ERRORS) - before_any_request


@pytest.mark.parametrize("kind", sorted(TABLE, key=lambda kind: kind.__name__))
def test_a_refusal_is_a_status_of_the_client_and_a_failure_one_of_the_server(kind):
    status = TABLE[kind].status

    if issubclass(kind, errors.ArchiveFull):
        assert status == 507  # what Orthanc answers, though asking again may help one day
    elif issubclass(kind, errors.Refused):
        assert 400 <= status < 500
    else:
        assert 500 <= status < 600


def test_only_what_was_not_done_is_answered_by_503():
    unavailable = {kind for kind, row in TABLE.items() if row.status == 503}

    assert unavailable == {
        errors.IndexBusy,
        errors.LeaseLost,
        errors.ShuttingDown,
        errors.StorageUnavailable,
    }
