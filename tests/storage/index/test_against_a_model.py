"""Random groups of changes, some of which fail, against a model in plain Python.

After each group the kept statistics are compared with the model, and so with what there is.
"""

import tempfile
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repertory.errors import BadParameter, UnknownResource
from repertory.model import ChangeType, Level, StoreStatus, Totals
from repertory.storage.index.policy import StableAges, StorePolicy

AGES = {"1": 60.0, "2": 20.0}
"""How long the two series of each study have to be quiet: they are CT and US."""

POLICY = StorePolicy(stable_ages=StableAges(default=60.0, by_modality={"US": 20.0}))
LONGEST = POLICY.stable_ages.longest

UIDS = [
    (p, f"{p}.{s}", f"{p}.{s}.{e}", f"{p}.{s}.{e}.{i}")
    for p in "PQ"
    for s in "12"
    for e in "12"
    for i in "12"
]

uids = st.sampled_from(UIDS)
sizes = st.integers(0, 2**40)
records = st.tuples(st.just("record"), uids, sizes, sizes)
changes = st.one_of(
    records,
    records,
    st.tuples(st.just("spoil"), uids, st.sampled_from(["id", "uuid", "tag"])),
    st.tuples(st.just("delete"), uids, st.sampled_from(list(Level))),
    st.tuples(st.just("declare"), uids, st.sampled_from(list(Level)), st.booleans()),
    st.tuples(st.just("wait"), st.sampled_from([1, 20, 21, 59, 60, 61]), st.integers(1, 9)),
    st.tuples(st.just("shift"), st.integers(-100, 100)),
    st.tuples(st.just("release")),
    st.tuples(st.just("forget"), st.integers(0, 3)),
    st.tuples(st.just("clear")),
)
ends = st.sampled_from(["commit", "commit", "commit", "rollback", "reopen"])
groups = st.lists(st.tuples(st.lists(changes, max_size=12), ends), max_size=6)


@dataclass
class Model:
    """An index in plain Python: ``instances`` by UIDs, in order of arrival."""

    instances: dict[tuple[str, ...], tuple[str, int, int]] = field(default_factory=dict)
    unstable: dict[tuple[str, ...], tuple[float, float, int]] = field(default_factory=dict)
    moment: float = 1_800_000_000.0
    arrivals: int = 0
    last: dict[tuple[str, ...], tuple[float, int]] = field(default_factory=dict)
    released: list[str] = field(default_factory=list)
    seq: int = 0
    shown: int = 0
    deletions: list[tuple[int, tuple[str, ...]]] = field(default_factory=list)
    changes: list[tuple[int, str, tuple[str, ...]]] = field(default_factory=list)

    def copy(self):
        return Model(
            dict(self.instances),
            dict(self.unstable),
            self.moment,
            self.arrivals,
            dict(self.last),
            list(self.released),
            self.seq,
            self.shown,
            list(self.deletions),
            list(self.changes),
        )

    def resources(self, level):
        return list(dict.fromkeys(uids[:level] for uids in self.instances))

    def below(self, key):
        return [value for uids, value in self.instances.items() if uids[: len(key)] == key]

    def due(self):
        """What was quiet for long enough, in the order in which it is declared stable."""
        due = [
            (since + age, activity, -len(key), key)
            for key, (since, age, activity) in self.unstable.items()
            if self.moment - since >= age + 1
        ]
        return [key for *_, key in sorted(due)]

    def log(self, word, key):
        self.seq += 1
        self.shown = self.seq
        self.changes.append((self.seq, word, key))

    def record(self, uids, file):
        if uids in self.instances:
            self.released.append(file[0])
            return
        new = [level for level in reversed(Level) if not self.below(uids[:level])]
        self.instances[uids] = file
        self.arrivals += 1
        for key in (uids[:level] for level in (1, 2, 3)):
            _, age, _ = self.unstable.get(key, (0.0, 0.0, 0))
            age = max(age, AGES[uids[2][-1]])
            self.last[key] = (age, self.arrivals)
            self.unstable[key] = (self.moment, *self.last[key])
        for level in new:
            self.log(f"New{level.word}", uids[:level])

    def delete(self, key):
        gone = {uids for uids in self.instances if uids[: len(key)] == key}
        self.released += [self.instances[uids][0] for uids in self.instances if uids in gone]
        self.instances = {uids: file for uids, file in self.instances.items() if uids not in gone}
        kept = {uids[:level] for uids in self.instances for level in Level}
        doomed = {uids[:level] for uids in gone for level in Level} - kept
        for lost in sorted(doomed, key=len, reverse=True):
            self.seq += 1
            self.deletions.append((self.seq, lost))
        self.unstable = {key: value for key, value in self.unstable.items() if key in kept}
        self.changes = [change for change in self.changes if change[2] in kept]
        return next((key[:n] for n in range(len(key) - 1, 0, -1) if key[:n] in kept), None)


def spoiled(record, how):
    if how == "id":
        return record | {"ids": replace(record["ids"], instance="nonsense")}
    if how == "uuid":
        return record | {"attachment": replace(record["attachment"], uuid="nonsense")}
    summary = record["summary"]
    tags = summary.main_tags | {Level.INSTANCE: {"0020,0013": "\ud800"}}
    return record | {"summary": replace(summary, main_tags=tags)}


class Rig:
    """An engine under test, with its writer and a reader."""

    def __init__(self, engine, made_up):
        self.engine = engine
        self.made_up = made_up
        self.open()

    def open(self):
        self.engine.open()
        self.writer = self.engine.writer()
        self.reader = self.engine.reader()

    def close(self):
        self.writer.close()
        self.reader.close()
        self.engine.close()

    def apply(self, change, model):
        verb, *values = change
        getattr(self, verb)(model, *values)

    def record(self, model, uids, size, disk):
        tags = {Level.SERIES: {"0008,0060": {"1": "CT", "2": "US"}[uids[2][-1]]}}
        record = self.made_up.an_instance(*uids, size=size, disk=disk, tags=tags)
        known = uids in model.instances
        receipt = self.writer.record_instance(**record, policy=POLICY, moment=model.moment)
        assert receipt.status is (StoreStatus.ALREADY_STORED if known else StoreStatus.SUCCESS)
        model.record(uids, (record["attachment"].uuid, size, disk))

    def spoil(self, model, uids, how):
        with pytest.raises(BadParameter):
            self.writer.record_instance(**spoiled(self.made_up.an_instance(*uids), how))

    def delete(self, model, uids, level):
        key = uids[:level]
        id_ = self.made_up.public_id(*key)
        if not model.below(key):
            with pytest.raises(UnknownResource):
                self.writer.delete_resource(level, id_, 0.0)
            return
        receipt = self.writer.delete_resource(level, id_, self.made_up.NOON)
        survivor = model.delete(key)
        ancestor = receipt.remaining_ancestor
        assert (ancestor and ancestor.id) == (survivor and self.made_up.public_id(*survivor))
        assert (ancestor and ancestor.level) == (survivor and len(survivor))

    def declare(self, model, uids, level, stable):
        key = uids[:level]
        id_ = self.made_up.public_id(*key)
        declare = partial(self.writer.declare_stable, level, id_, self.made_up.NOON)
        if not stable:
            declare = partial(self.writer.declare_unstable, level, id_, model.moment, LONGEST)
        if level is Level.INSTANCE or not model.below(key):
            with pytest.raises(UnknownResource):
                declare()
            return
        assert declare() is ((key in model.unstable) is stable)
        if not stable:
            model.unstable[key] = (model.moment, *model.last[key])
        elif key in model.unstable:
            del model.unstable[key]
            model.log(f"Stable{level.word}", key)

    def wait(self, model, seconds, limit):
        model.moment += seconds
        expected = model.due()[:limit]
        done = self.writer.declare_due(model.moment, limit, self.made_up.NOON)
        assert [one.id for one in done.resources] == [self.made_up.public_id(*k) for k in expected]
        for key in expected:
            del model.unstable[key]
            model.log(f"Stable{Level(len(key)).word}", key)
        waits = [since + age + 1 - model.moment for since, age, _ in model.unstable.values()]
        assert done.next_in == (max(min(waits), 0) if waits else None)

    def shift(self, model, seconds):
        self.writer.shift_periods(seconds)
        model.moment += seconds
        model.unstable = {
            key: (since + seconds, *rest) for key, (since, *rest) in model.unstable.items()
        }

    def release(self, model):
        file = self.made_up.a_file()
        self.writer.release(file)
        model.released.append(file.uuid)

    def forget(self, model, count):
        seen = self.reader.list_released(count) if count else ()
        self.writer.forget_released([file.number for file in seen])
        names = {file.uuid for file in seen}
        model.released = [uuid for uuid in model.released if uuid not in names]

    def clear(self, model):
        self.writer.clear_changes()
        model.changes = []
        model.deletions = []

    def run(self, group, end, model):
        after = model.copy()
        self.writer.begin()
        for change in group:
            self.apply(change, after)
        if end == "rollback":
            self.writer.rollback()
            return model
        self.writer.commit()
        if end == "reopen":
            self.close()
            self.open()
        return after

    def compare(self, model):
        public_id, reader = self.made_up.public_id, self.reader
        files = list(model.instances.values())
        assert reader.describe_totals() == Totals(
            *(len(model.resources(level)) for level in Level),
            disk_size=sum(file[2] for file in files),
            uncompressed_size=sum(file[1] for file in files),
        )
        for level in Level:
            keys = model.resources(level)
            listed = set(reader.list_resources(level, 0, 0))
            assert listed == {public_id(*key) for key in keys}
            for key in keys:
                self.compare_one(model, level, key)
        waiting = reader.list_released(0)
        assert sorted(file.uuid for file in waiting) == sorted(model.released)
        backlog = reader.describe_backlog()
        assert (backlog.files, backlog.size) == (len(waiting), sum(file.size for file in waiting))
        assert {(it.id, it.quiet_since, it.stable_age) for it in reader.list_unstable()} == {
            (public_id(*key), since, age) for key, (since, age, _) in model.unstable.items()
        }
        page = reader.list_changes(0, None, 10_000, ())
        logged = [(change.seq, change.type.word, change.id) for change in page.changes]
        assert logged == [(seq, word, public_id(*key)) for seq, word, key in model.changes]
        assert page.last == (model.changes[-1][0] if model.changes else model.shown)
        page = reader.list_changes(0, None, 10_000, (), deletions=True)
        numbers = [number for number, *_ in (*model.changes, *model.deletions)]
        assert [change.seq for change in page.changes] == sorted(numbers)
        assert page.last == (max(numbers) if numbers else model.seq)
        gone = [change for change in page.changes if change.type is ChangeType.DELETED]
        assert [change.level for change in gone] == [len(key) for _, key in model.deletions]
        assert sorted(change.id for change in gone) == sorted(
            public_id(*key) for _, key in model.deletions
        )

    def compare_one(self, model, level, key):
        kept = self.reader.describe_statistics(level, self.made_up.public_id(*key))
        counts = [
            len({uids[:n] for uids in model.instances if uids[: len(key)] == key})
            for n in (Level.STUDY, Level.SERIES, Level.INSTANCE)
        ]
        expected = [0 if n < level else count for n, count in zip((2, 3, 4), counts, strict=True)]
        assert [kept.studies, kept.series, kept.instances] == expected
        files = model.below(key)
        assert kept.disk_size == kept.dicom_disk_size == sum(file[2] for file in files)
        sizes = (kept.uncompressed_size, kept.dicom_uncompressed_size)
        assert sizes == (sum(file[1] for file in files),) * 2


@given(groups)
@settings(max_examples=30, deadline=None)
def test_kept_statistics_are_what_a_model_counts(make_engine, made_up, groups):
    with tempfile.TemporaryDirectory() as folder:
        rig = Rig(make_engine(Path(folder)), made_up)
        model = Model()
        try:
            for group, end in groups:
                model = rig.run(group, end, model)
                rig.compare(model)
        finally:
            rig.close()
