import pytest
from pydicom import dcmread
from pydicom.filebase import DicomBytesIO
from pynetdicom.dimse_primitives import C_STORE

from repertory.actors.dicom.options import AccessRules, StorageRules
from repertory.actors.messages.attachments import ReadAttachment
from repertory.actors.messages.instances import AppendToUpload, BeginUpload, StoreInstance
from repertory.actors.messages.metadata import ListMetadata
from repertory.actors.messages.resources import ListResources
from repertory.errors import (
    ArchiveFull,
    IndexBusy,
    LimitReached,
    MissingTag,
    NotDicom,
    StorageFailed,
    WrongInstance,
)
from repertory.modalities import Modality, Service
from repertory.model import Level
from repertory.storage.dicom.wire import data_set_of
from repertory.testing.files import make_dicom
from repertory.testing.server import until

MR = "1.2.840.10008.5.1.4.1.1.4"
CT = "1.2.840.10008.5.1.4.1.1.2"
VERIFICATION = "1.2.840.10008.1.1"
IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
JPEG = "1.2.840.10008.1.2.4.50"


@pytest.fixture(params=[False, True], ids=["here", "elsewhere"])
def elsewhere(request):
    """Both: whoever sends cannot tell."""
    return request.param


def read(content):
    return dcmread(DicomBytesIO(content), force=True)


def send(association, content):
    return association.send_c_store(read(content)).Status


def instances(stage):
    return stage.ask(ListResources(level=Level.INSTANCE))


def test_an_echo_is_answered(server):
    server.start()

    assert server.peer(VERIFICATION).send_c_echo().Status == 0x0000


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED, JPEG])
def test_what_is_sent_is_stored_byte_for_byte(server, syntax, monkeypatch):
    stage = server.start().stage
    stored = []
    original = stage.board.ask_here
    monkeypatch.setattr(
        stage.board,
        "ask_here",
        lambda question, **more: stored.append(question) or original(question, **more),
    )
    content = make_dicom(seed=1, transfer_syntax=syntax)

    assert send(server.peer(MR, syntaxes=[syntax]), content) == 0x0000

    (command,) = [it for it in stored if isinstance(it, StoreInstance)]
    file = read(command.content)
    assert file.file_meta.TransferSyntaxUID == syntax
    assert file.file_meta.MediaStorageSOPInstanceUID == read(content).SOPInstanceUID
    assert file.file_meta.SourceApplicationEntityTitle == "PEER"
    if syntax != DEFLATED:  # the peer's compressor is another one
        assert data_set_of(command.content) == data_set_of(content)
    assert len(instances(stage)) == 1


def test_a_large_file_goes_to_the_disk_while_it_comes(server):
    stage = server.start(spool_threshold=100_000).stage
    content = make_dicom(seed=1, size=3_000_000)

    assert send(server.peer(MR), content) == 0x0000

    (instance,) = instances(stage)
    found = stage.ask(ReadAttachment(level=Level.INSTANCE, id=instance, content_type=1))
    assert data_set_of(bytes(found.content)) == data_set_of(content)
    assert server.archive.staged() == set()


def test_a_large_file_that_is_refused_leaves_nothing(server):
    reader = Modality(aet="READER", host="127.0.0.1", port=104, denied=frozenset({Service.STORE}))
    rules = AccessRules(modalities={"reader": reader})
    stage = server.start(spool_threshold=100_000, access=rules).stage

    assert send(server.peer(MR, title="READER"), make_dicom(size=3_000_000)) == 0x0124

    until(lambda: server.archive.staged() == set())
    assert instances(stage) == ()


@pytest.mark.parametrize("message", [BeginUpload, AppendToUpload])
def test_a_large_file_for_which_there_is_no_room_is_refused_as_a_whole(server, message):
    stage = server.start(spool_threshold=100_000).stage
    stage.understudy(message, answer=ArchiveFull())
    association = server.peer(MR)

    assert send(association, make_dicom(size=3_000_000)) == 0xA700

    until(lambda: server.archive.staged() == set())
    assert send(association, make_dicom(size=10_000)) == 0x0000
    assert len(instances(stage)) == 1


def test_where_an_instance_came_from_is_kept(server):
    stage = server.start().stage
    send(server.peer(MR, title="SCANNER", called="ANYBODY"), make_dicom())
    (instance,) = instances(stage)

    found = stage.ask(ListMetadata(level=Level.INSTANCE, id=instance))

    assert (found[8], found[3], found[12], found[11]) == (
        "DicomProtocol",
        "SCANNER",
        "ANYBODY",
        "127.0.0.1",
    )


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ArchiveFull(), 0xA700),
        (LimitReached(), 0xA700),
        (IndexBusy(), 0xA700),
        (WrongInstance(), 0xA900),
        (NotDicom(), 0xC000),
        (MissingTag(), 0xC000),
        (StorageFailed(), 0x0110),
    ],
)
def test_what_cannot_be_stored_has_the_status_of_its_reason(server, error, status):
    server.start().stage.understudy(StoreInstance, answer=error)

    answer = server.peer(MR).send_c_store(read(make_dicom()))

    assert answer.Status == status
    assert answer.ErrorComment == str(error)[:64]


def test_an_association_goes_on_after_a_file_that_was_refused(server):
    stage = server.start().stage
    association = server.peer(MR)
    wrong = read(make_dicom(seed=1))
    del wrong.StudyInstanceUID

    assert association.send_c_store(wrong).Status == 0xC000
    assert send(association, make_dicom(seed=2)) == 0x0000
    assert len(instances(stage)) == 1


@pytest.mark.parametrize("field", ["AffectedSOPInstanceUID", "AffectedSOPClassUID"])
def test_an_instance_that_is_not_the_announced_one_is_refused(server, field, monkeypatch):
    stage = server.start().stage
    association = server.peer(MR, CT)
    dimse = association.dimse
    original = dimse.send_msg

    def lie(request, context):
        assert isinstance(request, C_STORE)
        setattr(request, field, CT if field == "AffectedSOPClassUID" else "1.2.3")
        if field == "AffectedSOPClassUID":
            context = next(
                it.context_id for it in association.accepted_contexts if it.abstract_syntax == CT
            )
        original(request, context)

    monkeypatch.setattr(dimse, "send_msg", lie)

    assert send(association, make_dicom()) == 0xA900
    assert instances(stage) == ()


def test_a_message_in_the_context_of_another_class_is_refused(server, monkeypatch):
    stage = server.start().stage
    association = server.peer(MR, CT)
    dimse = association.dimse
    original = dimse.send_msg
    other = next(it.context_id for it in association.accepted_contexts if it.abstract_syntax == CT)
    monkeypatch.setattr(dimse, "send_msg", lambda request, _: original(request, other))

    assert send(association, make_dicom()) == 0x0122
    assert instances(stage) == ()


def test_sop_classes_are_taken_as_the_options_have_it(server):
    private = "1.2.826.0.1.3680043.9.1"
    server.start(
        storage=StorageRules(
            accepted_classes=("1.2.840.10008.5.1.4.1.1.*",), rejected_classes=(CT,)
        )
    )

    association = server.peer(MR, CT, private)

    assert [it.abstract_syntax for it in association.accepted_contexts] == [MR]


def test_what_the_standard_does_not_know_is_taken_if_the_options_say_so(server, unknown_accepted):
    stage = server.start(storage=unknown_accepted).stage
    private = "1.2.826.0.1.3680043.9.1"
    content = make_dicom(tags={"SOPClassUID": private})

    assert send(server.peer(private), content) == 0x0000
    assert len(instances(stage)) == 1


def test_the_first_syntax_of_the_sender_that_is_accepted_is_taken(server):
    server.start(storage=StorageRules(transfer_syntaxes=(JPEG, IMPLICIT)))

    association = server.peer(MR, syntaxes=[EXPLICIT, IMPLICIT, JPEG])

    assert association.accepted_contexts[0].transfer_syntax == [IMPLICIT]


def test_an_archive_that_is_read_only_takes_nothing(server):
    server.start(read_only=True)

    association = server.peer(MR, VERIFICATION)

    assert [it.abstract_syntax for it in association.accepted_contexts] == [VERIFICATION]


def test_who_calls_somebody_else_is_turned_away_if_that_is_checked(server):
    server.start(access=AccessRules(aet="Mine", check_called=True))

    server.peer(VERIFICATION, called="YOURS", established=False)
    server.peer(VERIFICATION, called="MINE")


def test_titles_are_compared_with_their_case_if_that_is_wanted(server):
    server.start(access=AccessRules(aet="Mine", check_called=True, strict_titles=True))

    server.peer(VERIFICATION, called="MINE", established=False)
    server.peer(VERIFICATION, called="Mine")


def test_strangers_are_turned_away_where_they_may_do_nothing(server):
    known = Modality(aet="KNOWN", host="127.0.0.1", port=104)
    server.start(access=AccessRules(always=frozenset(), modalities={"known": known}))

    server.peer(VERIFICATION, title="STRANGER", established=False)

    assert server.peer(VERIFICATION, title="KNOWN").send_c_echo().Status == 0x0000


def test_a_modality_may_do_what_its_entry_allows(server):
    reader = Modality(aet="READER", host="127.0.0.1", port=104, denied=frozenset({Service.STORE}))
    stage = server.start(access=AccessRules(modalities={"reader": reader})).stage
    association = server.peer(MR, VERIFICATION, title="READER")

    assert send(association, make_dicom()) == 0x0124
    assert association.send_c_echo().Status == 0x0000
    assert instances(stage) == ()


def test_a_modality_at_another_host_is_turned_away_if_hosts_are_checked(server):
    elsewhere = Modality(aet="SCANNER", host="192.0.2.1", port=104)
    here = Modality(aet="HERE", host="localhost", port=104)
    server.start(access=AccessRules(check_host=True, modalities={"a": elsewhere, "b": here}))

    server.peer(VERIFICATION, title="SCANNER", established=False)
    server.peer(VERIFICATION, title="HERE")


def test_an_instance_can_be_read_as_soon_as_it_is_acknowledged(server):
    stage = server.start().stage
    content = make_dicom(seed=3)
    send(server.peer(MR), content)
    (instance,) = instances(stage)

    found = stage.ask(ReadAttachment(level=Level.INSTANCE, id=instance, content_type=1))

    assert data_set_of(bytes(found.content)) == data_set_of(content)
