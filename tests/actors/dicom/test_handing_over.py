"""Associations that another process serves: which, with what rights, and how they end."""

import pytest
from pydicom import dcmread
from pydicom.filebase import DicomBytesIO
from pynetdicom import AE

from repertory.actors.dicom.options import AccessRules
from repertory.actors.messages.resources import ListResources
from repertory.actors.reply import Reply
from repertory.errors import Failed
from repertory.front_ends.handing import stand_at_the_door
from repertory.modalities import Modality, Service
from repertory.model import Level
from repertory.testing.files import make_dicom
from repertory.testing.server import until

MR = "1.2.840.10008.5.1.4.1.1.4"
VERIFICATION = "1.2.840.10008.1.1"
STUDY_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
COMMITMENT = "1.2.840.10008.1.20.1"
NOT_AUTHORIZED = 0x0124

pytestmark = pytest.mark.usefixtures("no_thread_stays")


@pytest.fixture
def elsewhere():
    return True


def send(association, seed=None):
    content = DicomBytesIO(make_dicom(seed=seed))
    return association.send_c_store(dcmread(content)).Status


def test_instances_come_by_the_other_process_and_so_do_echoes(server):
    stage = server.start().stage
    association = server.peer(MR, VERIFICATION)

    assert send(association, seed=1) == 0x0000
    assert association.send_c_echo().Status == 0x0000

    (handed,) = server.handed_over
    assert {it.abstract_syntax for it in handed.contexts} == {MR, VERIFICATION}
    assert (handed.title, handed.called, handed.ip) == ("PEER", "ORTHANC", "127.0.0.1")
    assert len(stage.ask(ListResources(level=Level.INSTANCE))) == 1


@pytest.mark.parametrize("other", [STUDY_FIND, COMMITMENT])
def test_whoever_may_ask_for_more_is_served_where_all_is(server, other):
    server.start()

    assert send(server.peer(MR, other)) == 0x0000

    assert not server.handed_over


def test_what_a_caller_may_do_is_decided_when_its_association_begins(server):
    denied = frozenset({Service.STORE})
    sender = Modality(aet="SENDER", host="127.0.0.1", port=104, denied=denied)
    server.start(access=AccessRules(modalities={"sender": sender}))

    assert send(server.peer(MR, title="SENDER")) == NOT_AUTHORIZED
    assert send(server.peer(MR, title="STRANGER")) == 0x0000

    assert [set(it.services) for it in server.handed_over] == [{"Echo"}, {"Echo", "Store"}]


def test_those_that_are_served_elsewhere_count_among_the_most_that_there_may_be(server):
    server.start(associations=1)
    first = server.peer(MR)

    server.peer(MR, established=False)
    first.release()
    until(lambda: server.open_associations() == 0)

    assert send(server.peer(MR)) == 0x0000


def test_where_nobody_takes_an_association_it_is_served_here(server):
    stage = server.start().stage
    stand_at_the_door(stage.board, lambda _: None)

    assert send(server.peer(MR)) == 0x0000

    assert not server.handed_over


def test_whoever_was_alone_moves_when_another_comes(server):
    server.start()
    server.takes_the_lone = False
    first = server.peer(MR, VERIFICATION)
    assert send(first, seed=1) == 0x0000
    assert not server.handed_over

    second = server.peer(MR)
    assert send(second, seed=2) == 0x0000
    assert len(server.handed_over) == 1
    for seed in range(3, 6):
        assert send(first, seed=seed) == 0x0000
        assert first.send_c_echo().Status == 0x0000

    assert len(server.handed_over) == 2
    assert len(server.stage.ask(ListResources(level=Level.INSTANCE))) == 5
    first.release()
    assert send(second, seed=6) == 0x0000


def test_whoever_is_alone_again_stays(server):
    server.start()
    server.takes_the_lone = False
    first = server.peer(MR)
    assert send(first) == 0x0000
    server.peer(MR).release()
    assert until(lambda: server.open_associations() == 1)

    assert send(first, seed=1) == 0x0000
    assert send(first, seed=2) == 0x0000

    assert len(server.handed_over) == 1  # the other one


def test_whom_nobody_takes_stays_where_it_is(server):
    stage = server.start().stage
    asked = []
    stand_at_the_door(stage.board, asked.append)
    first = server.peer(MR)
    assert send(first) == 0x0000
    second = server.peer(MR)

    for seed in range(1, 4):
        assert send(first, seed=seed) == send(second, seed=10 + seed) == 0x0000

    assert sorted(it.is_alone for it in asked) == [False, False, True]


def test_an_association_ends_with_the_process_that_serves_it(server):
    stage = server.start().stage
    served = Reply()
    stand_at_the_door(stage.board, lambda _: served)
    entity = AE("PEER")
    entity.add_requested_context(MR)
    association = entity.associate("127.0.0.1", server.port)
    assert association.is_established

    served.refuse(Failed("The process is gone."))

    assert until(lambda: not association.is_alive())
    assert association.is_aborted
    assert until(lambda: server.open_associations() == 0)


def test_stopping_ends_what_is_served_elsewhere(server):
    server.start()
    association = server.peer(MR)
    assert send(association) == 0x0000

    server.stop()

    association.join(10)
    assert association.is_aborted


def test_the_process_that_serves_can_end_before_the_one_that_agreed(server):
    server.start()
    association = server.peer(MR)
    assert send(association) == 0x0000

    server.stage.take_off(server.other)

    association.join(10)
    assert association.is_aborted
    assert until(lambda: server.open_associations() == 0)
