"""Recycling, protecting and rejecting, against a model in plain Python."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repertory.errors import BadParameter, LimitReached, UnknownResource
from repertory.model import Level, StoreStatus
from repertory.storage.index.policy import Overwriting, StorePolicy

PATIENTS = "ABCDE"
patients = st.sampled_from(PATIENTS)
changes = st.one_of(
    st.tuples(st.just("store"), patients, st.integers(0, 3), st.integers(1, 60)),
    st.tuples(st.just("store"), patients, st.integers(0, 3), st.integers(1, 60)),
    st.tuples(st.just("protect"), patients, st.booleans()),
    st.tuples(st.just("delete"), patients),
    st.tuples(st.just("commit")),
    st.tuples(st.just("rollback")),
)
policies = st.builds(
    StorePolicy,
    maximum_size=st.sampled_from([0, 100, 150]),
    maximum_patients=st.sampled_from([0, 1, 2, 3]),
    recycles=st.sampled_from([True, True, True, False]),
    overwriting=st.sampled_from(list(Overwriting)),
)


@dataclass
class Model:
    """Patients in the order of recycling, protected ones apart; instances with their sizes."""

    order: list[str] = field(default_factory=list)
    protected: list[str] = field(default_factory=list)
    files: dict[str, dict[int, int]] = field(default_factory=dict)

    def copy(self):
        files = {patient: dict(files) for patient, files in self.files.items()}
        return Model(list(self.order), list(self.protected), files)

    def used(self):
        return sum(sum(files.values()) for files in self.files.values())

    def store(self, policy, patient, number, size):
        """The patients to recycle; ``None`` for a refusal."""
        is_known = number in self.files.get(patient, {})
        if is_known and policy.overwriting is Overwriting.NEVER:
            return []
        growth = size - self.files[patient][number] if is_known else size
        doomed = []

        def is_over():
            left = [p for p in self.files if p not in doomed]
            used = sum(sum(self.files[p].values()) for p in left) + growth
            by_size = policy.maximum_size and growth > 0 and used > policy.maximum_size
            count = len(set(left) | {patient})
            is_new = patient not in self.files
            return by_size or (
                policy.maximum_patients and is_new and count > policy.maximum_patients
            )

        for candidate in [p for p in self.order if p != patient]:
            if not is_over() or not policy.recycles:
                break
            doomed.append(candidate)
        if is_over():
            return None
        for gone in doomed:
            self.delete(gone)
        self.files.setdefault(patient, {})[number] = size
        if patient not in self.protected:
            self.order = [p for p in self.order if p != patient] + [patient]
        return doomed

    def delete(self, patient):
        del self.files[patient]
        self.order = [p for p in self.order if p != patient]
        self.protected = [p for p in self.protected if p != patient]

    def protect(self, patient, protected):
        if protected and patient not in self.protected:
            self.order.remove(patient)
            self.protected.append(patient)
        elif not protected and patient in self.protected:
            self.protected.remove(patient)
            self.order.append(patient)


def uids(patient, number):
    return (patient, f"{patient}.1", f"{patient}.1.1", f"{patient}.1.1.{number}")


@given(policies, st.lists(changes, max_size=40))
@settings(max_examples=60, deadline=None)
def test_limits_are_kept_as_a_model_keeps_them(make_engine, made_up, policy, steps):
    with tempfile.TemporaryDirectory() as folder:
        engine = make_engine(Path(folder))
        engine.open()
        writer, reader = engine.writer(), engine.reader()
        committed, model = Model(), Model()
        writer.begin()
        try:
            for verb, *values in [*steps, ("commit",)]:
                if verb == "store":
                    check_store(writer, made_up, policy, model, *values)
                elif verb in ("commit", "rollback"):
                    getattr(writer, verb)()
                    if verb == "commit":
                        committed = model.copy()
                    model = committed.copy()
                    check_state(reader, made_up, model)
                    writer.begin()
                elif values[0] not in model.files:
                    refuse(writer, made_up, verb, *values)
                elif verb == "protect":
                    writer.set_protection(made_up.public_id(values[0]), protected=values[1])
                    model.protect(*values)
                else:
                    writer.delete_resource(Level.PATIENT, made_up.public_id(values[0]), 0.0)
                    model.delete(values[0])
            writer.rollback()
        finally:
            writer.close()
            reader.close()
            engine.close()


def check_store(writer, made_up, policy, model, patient, number, size):
    record = made_up.an_instance(*uids(patient, number), size=size)
    known = number in model.files.get(patient, {})
    expected = model.store(policy, patient, number, size)
    if expected is None:
        with pytest.raises(LimitReached):
            writer.record_instance(**record, policy=policy)
        assert not writer.is_void
        return
    receipt = writer.record_instance(**record, policy=policy)
    stays = known and policy.overwriting is Overwriting.NEVER
    assert receipt.status is (StoreStatus.ALREADY_STORED if stays else StoreStatus.SUCCESS)
    assert receipt.overwritten == (known and not stays)
    assert receipt.recycled == tuple(made_up.public_id(gone) for gone in expected)


def refuse(writer, made_up, verb, patient, *protected):
    id_ = made_up.public_id(patient)
    if verb == "protect":
        with pytest.raises(BadParameter):
            writer.set_protection(id_, protected=protected[0])
    else:
        with pytest.raises(UnknownResource):
            writer.delete_resource(Level.PATIENT, id_, 0.0)


def check_state(reader, made_up, model):
    assert set(reader.list_resources(Level.PATIENT, 0, 0)) == {
        made_up.public_id(patient) for patient in model.files
    }
    totals = reader.describe_totals()
    assert totals.disk_size == model.used()
    assert totals.instances == sum(len(files) for files in model.files.values())
    for patient, files in model.files.items():
        described = reader.describe_resource(Level.PATIENT, made_up.public_id(patient))
        assert described.is_protected == (patient in model.protected)
        kept = reader.describe_statistics(Level.PATIENT, made_up.public_id(patient))
        assert kept.disk_size == kept.dicom_disk_size == sum(files.values())


@pytest.fixture
def store_within(group, made_up):
    """Record an instance of a patient under a policy, in a group of its own."""

    def store_within(policy, patient, number=1, **details):
        with group() as writer:
            return writer.record_instance(
                **made_up.an_instance(*uids(patient, number), **details), policy=policy
            )

    return store_within


def test_the_files_of_a_recycled_patient_are_released(store_within, reader, made_up):
    policy = StorePolicy(maximum_patients=1)
    store_within(policy, "P")
    file = reader.describe_attachment(Level.INSTANCE, made_up.ids_of(*uids("P", 1)).instance, 1)
    store_within(policy, "Q")

    assert [released.uuid for released in reader.list_released(0)] == [file[0].uuid]


def test_a_refusal_leaves_the_rest_of_its_group_as_it_is(group, reader, made_up):
    policy = StorePolicy(maximum_size=1500)
    with group() as writer:
        writer.record_instance(**made_up.an_instance(*uids("P", 1)), policy=policy)
        writer.set_protection(made_up.public_id("P"), protected=True)
        with pytest.raises(LimitReached):
            writer.record_instance(**made_up.an_instance(*uids("Q", 1)), policy=policy)
        writer.record_instance(**made_up.an_instance(*uids("P", 2), size=400), policy=policy)

    assert reader.describe_totals().instances == 2
    assert len(reader.list_resources(Level.PATIENT, 0, 0)) == 1


def test_more_patients_than_are_looked_up_at_once_are_recycled_in_order(group, reader, made_up):
    free = StorePolicy()
    with group() as writer:
        for number in range(600):
            writer.record_instance(**made_up.an_instance(*uids(f"P{number}", 1)), policy=free)
    with group() as writer:
        recycled = writer.recycle(StorePolicy(maximum_patients=2), 0.0)

    assert recycled == tuple(made_up.public_id(f"P{number}") for number in range(598))
    assert reader.describe_totals().patients == 2


def test_protected_patients_stay_although_the_archive_is_over_its_limit(group, reader, made_up):
    with group() as writer:
        for patient in "PQR":
            writer.record_instance(**made_up.an_instance(*uids(patient, 1)))
        writer.set_protection(made_up.public_id("P"), protected=True)
        recycled = writer.recycle(StorePolicy(maximum_size=1), 0.0)

    assert recycled == (made_up.public_id("Q"), made_up.public_id("R"))
    assert reader.list_resources(Level.PATIENT, 0, 0) == (made_up.public_id("P"),)


def test_nothing_is_recycled_at_the_start_where_new_instances_are_rejected(group, made_up):
    with group() as writer:
        writer.record_instance(**made_up.an_instance())

        assert writer.recycle(StorePolicy(maximum_size=1, recycles=False), 0.0) == ()
