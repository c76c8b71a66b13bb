import json

import pytest

from repertory.conf.loading import read_settings
from repertory.conf.tiering import Amount, RecallSettings, TieringRuleSettings, amount

RULE = {"Name": "r", "To": "cold", "ReceivedBeforeDays": 30}


@pytest.fixture
def read(tmp_path):
    def read(*rules, tiering=None, **options):
        path = tmp_path / "configuration.json"
        disks = {"Storages": {"cold": "cold", "warm": "warm"}}
        whole = {
            "AdvancedStorage": {"Enable": True, "MultipleStorages": disks},
            "Tiering": {"Enable": True, "Rules": list(rules), **(tiering or {})},
            **options,
        }
        path.write_text(json.dumps(whole))
        return read_settings(path, environment={})

    return read


def texts(problems):
    return [problem.text for problem in problems]


def test_rules_are_read_in_their_order(read):
    loaded = read(
        {"Name": "a", "To": "cold", "From": "file-system", "Modalities": ["MG"], "Labels": ["x"]},
        {
            "Name": "b",
            "From": "file-system",
            "To": "warm",
            "FreeBelow": "10%",
            "FreeUntil": "12.5 %",
            "FirstOut": "LastReceived",
        },
        tiering={"Recall": {"Enable": True, "From": "cold", "Prefetch": "Study"}},
    )

    assert loaded.problems == loaded.warnings == ()
    assert loaded.settings.tiering.rules == [
        TieringRuleSettings(
            name="a", target="cold", source="file-system", modalities=["MG"], labels=["x"]
        ),
        TieringRuleSettings(
            name="b",
            source="file-system",
            target="warm",
            free_below="10%",
            free_until="12.5 %",
            first_out="LastReceived",
        ),
    ]
    assert loaded.settings.tiering.recall == RecallSettings(
        enable=True, source="cold", prefetch="Study"
    )


@pytest.mark.parametrize(
    ("text", "value", "is_share"),
    [
        ("10%", 10, True),
        ("0.5 %", 0.5, True),
        ("100%", 100, True),
        ("1MB", 1 << 20, False),
        ("1.5 GB", 3 << 29, False),
        (" 2TB ", 2 << 40, False),
    ],
)
def test_room_is_a_share_or_a_size(text, value, is_share):
    assert amount(text) == Amount(value, is_share)


@pytest.mark.parametrize("text", ["", "10", "%", "-5%", "101%", "5 gb", "5KB", "1e3MB", "٣%"])
def test_what_is_no_room_is_refused(text):
    with pytest.raises(ValueError, match="must"):
        amount(text)


@pytest.mark.parametrize(
    ("rule", "complaint"),
    [
        ({"To": "cold", "Labels": ["x"]}, "Name must not be missing"),
        ({"Name": "a b", "To": "cold", "Labels": ["x"]}, "Name must have 1 to 64 letters"),
        ({"Name": "r", "Labels": ["x"]}, "To must not be missing"),
        ({**RULE, "To": "frozen"}, "To must be one of file-system, cold, warm, not frozen"),
        ({**RULE, "From": "frozen"}, "From must be one of file-system, cold, warm, not frozen"),
        ({**RULE, "From": "cold"}, "To must not be the same as From"),
        ({"Name": "r", "To": "cold"}, "must have a condition"),
        ({**RULE, "ReceivedBeforeDays": -1}, "ReceivedBeforeDays must be 0 or more"),
        ({**RULE, "ReceivedBeforeDays": "30"}, "ReceivedBeforeDays must be a number"),
        ({**RULE, "NotReadForDay": 3}, "NotReadForDay is not an option: perhaps NotReadForDays"),
        ({**RULE, "Xyz": 3}, "Xyz is not an option."),
        ({**RULE, "Labels": ["a b"]}, "Labels must be labels, and 'a b' is none"),
        ({**RULE, "Labels": "x"}, "Labels must be a list in brackets"),
        ({**RULE, "WithoutLabels": [1]}, "WithoutLabels.1 must be a text"),
        ({**RULE, "Modalities": [""]}, "Modalities must have names of 1 to 16 characters"),
        ({**RULE, "FreeBelow": "10%"}, "FreeUntil must not be missing beside its other half"),
        ({**RULE, "FreeUntil": "10%"}, "FreeBelow must not be missing beside its other half"),
        (
            {**RULE, "FreeBelow": "10%", "FreeUntil": "20%"},
            "From must name a disk, whose room FreeBelow is about",
        ),
        (
            {**RULE, "From": "warm", "FreeBelow": "10%", "FreeUntil": "5%"},
            "FreeUntil must not be less than FreeBelow",
        ),
        (
            {**RULE, "From": "warm", "FreeBelow": "10%", "FreeUntil": "5GB"},
            "FreeUntil must be a share where FreeBelow is one",
        ),
        ({**RULE, "FreeBelow": "ten"}, 'FreeBelow must be a share or a size such as "10%"'),
        ({**RULE, "FirstOut": "Oldest"}, "FirstOut must be one of LastRead, LastReceived"),
        (7, "Tiering.Rules.1 must be an object in braces, not 7"),
    ],
)
def test_a_rule_that_is_wrong_keeps_the_archive_from_starting(read, rule, complaint):
    found = texts(read(rule).problems)

    assert any(complaint in text for text in found), found


def test_all_that_is_wrong_is_told_at_once(read):
    loaded = read(
        {"Name": "a", "To": "clod", "Lables": ["x"]},
        {**RULE, "Name": "a", "FreeBelow": "10%"},
        tiering={"Schedule": {"Funday": ["0-6"]}, "BusyShare": 0, "IntervalMinutes": 0},
    )

    assert len(loaded.problems) >= 7
    assert any("Rules.2.Name must not be a" in text for text in texts(loaded.problems))


def test_what_makes_room_must_come_after_what_brings_studies_there(read):
    room = {"From": "file-system", "To": "cold", "FreeBelow": "5%", "FreeUntil": "5%"}
    keep = {"Name": "keep", "To": "file-system", "Labels": ["keep"]}

    assert read(keep, {**room, "Name": "room"}).problems == ()
    wrong = texts(read({**room, "Name": "room"}, keep).problems)
    assert any("Rules.2.To must not be file-system" in text for text in wrong)


@pytest.mark.parametrize(
    ("recall", "complaint"),
    [
        ({"From": "x"}, "Recall.From must be one of"),
        ({"From": "cold", "To": "cold"}, "Recall.To must not be the same as From"),
        ({"From": "cold", "Prefetch": "All"}, "Prefetch must be one of None, Series, Study"),
        ({"From": "cold", "MaximumPending": 0}, "MaximumPending must be greater than 0"),
        ({"From": "cold", "MinimumFree": "5"}, "MinimumFree must be a share or a size"),
        ({"From": "cold", "KeepDays": -1}, "KeepDays must be 0 or more"),
    ],
)
def test_a_recall_that_is_wrong_keeps_the_archive_from_starting(read, recall, complaint):
    found = texts(read(tiering={"Recall": {"Enable": True, **recall}}).problems)

    assert any(complaint in text for text in found), found


def test_there_are_no_tiers_where_there_is_one_storage(read):
    found = texts(read(RULE, AdvancedStorage={}).problems)

    assert any("Tiering.Enable must not be true" in text for text in found)


def test_rules_that_are_switched_off_are_a_warning_and_not_looked_at_as_a_whole(read):
    loaded = read({**RULE, "To": "nowhere"}, tiering={"Enable": False})

    assert loaded.problems == ()
    assert any("Tiering.Enable is false" in text for text in texts(loaded.warnings))


def test_rules_must_be_a_list(read):
    found = texts(read(tiering={"Rules": {"a": RULE}}).problems)

    assert any("Tiering.Rules must be a list in brackets" in text for text in found)
