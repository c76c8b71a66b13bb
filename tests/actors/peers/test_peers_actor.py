import json

import pytest
from structlog.testing import capture_logs

from repertory.actors.crew import InlineCrew
from repertory.actors.messages.attachments import AttachmentContent, ReadAttachment
from repertory.actors.messages.peers import DeletePeer, ListPeers, SendToPeer, SetPeer
from repertory.actors.messages.properties import PEERS, DescribeProperty, RecordProperty
from repertory.actors.peers.actor import PeersActor
from repertory.actors.peers.connection import HttpOptions
from repertory.errors import BadParameter, Forbidden, NetworkFailed, UnknownItem, UnknownResource
from repertory.model import Attachment, Compression, ResourceId
from repertory.peers import Peer
from repertory.testing import Stage

ONE = Peer(url="http://127.0.0.1:1/")


@pytest.fixture
def stage():
    with Stage() as stage:
        yield stage


def put_on(stage, **more):
    stage.put_on(PeersActor, peers={"one": ONE}, options=HttpOptions(), crew=InlineCrew(), **more)


@pytest.mark.parametrize(
    ("kept", "names", "event"),
    [
        (None, [], None),
        ('{"two": ["http://h/"]}', ["two"], None),
        ('{"two": ["http://h/"], "three": ["SECRET"]}', ["two"], "kept_entry_unreadable"),
        ("[]", [], "kept_entries_unreadable"),
        ("{", [], "kept_entries_unreadable"),
    ],
)
def test_what_is_kept_counts_and_what_nobody_understands_hinders_nothing(stage, kept, names, event):
    stage.understudy(DescribeProperty, answer=kept)
    with capture_logs() as log:
        put_on(stage, in_database=True)

    assert list(stage.ask(ListPeers())) == names
    assert [it["event"] for it in log if it["log_level"] == "error"] == ([event] if event else [])
    assert "SECRET" not in str(log)


def test_a_peer_is_there_once_it_is_kept_and_not_before(stage):
    stage.understudy(DescribeProperty, answer=None)
    stage.understudy(RecordProperty)
    put_on(stage, in_database=True)
    stage.ask(SetPeer(name="two", peer=Peer(url="http://h/", username="u", password="p")))

    (kept,) = stage.heard(RecordProperty)
    assert kept.name == PEERS
    assert json.loads(kept.value)["two"]["Password"] == "p"
    stage.understudy(RecordProperty, answer=Forbidden())
    with pytest.raises(Forbidden):
        stage.ask(DeletePeer(name="two"))
    with pytest.raises(Forbidden):
        stage.ask(SetPeer(name="three", peer=ONE))
    assert list(stage.ask(ListPeers())) == ["two"]


def test_what_is_unknown_is_refused(stage):
    put_on(stage)

    with pytest.raises(UnknownItem):
        stage.ask(DeletePeer(name="two"))
    with pytest.raises(UnknownResource):
        stage.ask(SendToPeer(name="two", instances=()))
    with pytest.raises(BadParameter):
        stage.ask(SendToPeer(name="one", instances=(), transcode="1.2"))


def test_an_instance_that_is_gone_is_not_sent_and_the_peer_is_not_called_for_it(stage):
    stage.understudy(ReadAttachment, answer=UnknownResource())
    put_on(stage)
    receipt = stage.ask(SendToPeer(name="one", instances=(ResourceId("i"),)))

    assert [(it.id, it.reason) for it in receipt.unsent] == [("i", "There is no such resource.")]


def test_a_peer_that_cannot_be_reached_ends_it(stage):
    def read(_):
        attachment = Attachment(
            uuid="u",
            content_type=1,
            uncompressed_size=4,
            uncompressed_md5="",
            compressed_size=4,
            compressed_md5="",
            compression=Compression.NONE,
        )
        return AttachmentContent(attachment=attachment, start=0, content=b"DICM")

    stage.understudy(ReadAttachment, answer=read)
    put_on(stage)

    with pytest.raises(NetworkFailed, match="cannot be reached"):
        stage.ask(SendToPeer(name="one", instances=(ResourceId("i"),)))
