"""How many requests are answered at a time, of several associations."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydicom import dcmread
from pydicom.filebase import DicomBytesIO

from repertory.actors.dicom.turns import share_of, turns_of
from repertory.actors.messages.instances import StoreInstance
from repertory.testing.files import make_dicom
from repertory.testing.server import until

MR = "1.2.840.10008.5.1.4.1.1.4"
VERIFICATION = "1.2.840.10008.1.1"
PATIENCE = 10
SENDERS = 4


@pytest.fixture(params=[False, True], ids=["here", "elsewhere"])
def elsewhere(request):
    return request.param


class Gate:
    """Holds up what is stored until it is opened; counts who is there."""

    def __init__(self, monkeypatch, board):
        self.inside = 0
        self.most = 0
        self._open = threading.Event()
        self._lock = threading.Lock()
        self._original = board.ask_here
        monkeypatch.setattr(board, "ask_here", self.pass_through)

    def pass_through(self, question, **more):
        if not isinstance(question, StoreInstance):
            return self._original(question, **more)
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        assert self._open.wait(PATIENCE)
        with self._lock:
            self.inside -= 1
        return self._original(question, **more)

    def open(self):
        self._open.set()


def send(association, seed):
    return association.send_c_store(dcmread(DicomBytesIO(make_dicom(seed=seed)))).Status


@pytest.mark.parametrize(("turns", "most"), [(1, 1), (2, 2), (None, SENDERS)])
def test_no_more_requests_are_answered_at_a_time_and_an_echo_need_not_wait(
    server, monkeypatch, turns, most
):
    gate = Gate(monkeypatch, server.start(turns=turns).stage.board)
    peers = [server.peer(MR) for _ in range(SENDERS)]
    with ThreadPoolExecutor(SENDERS) as threads:
        sent = [threads.submit(send, it, seed) for seed, it in enumerate(peers, start=1)]
        until(lambda: gate.inside == most)

        assert server.peer(VERIFICATION).send_c_echo().Status == 0x0000
        assert server.open_associations() == SENDERS + 1
        assert gate.inside == most
        gate.open()

        assert [it.result(PATIENCE) for it in sent] == [0x0000] * SENDERS
    assert gate.most == most


def test_a_turn_is_given_back_whatever_went_wrong():
    turns = turns_of(1)
    for _ in range(2):
        with pytest.raises(ValueError, match="wrong"), turns:
            raise ValueError("wrong")


@pytest.mark.parametrize(
    ("count", "processes", "shares"),
    [(None, 2, [None, None]), (4, 2, [2, 2]), (5, 3, [2, 2, 1]), (1, 3, [1, 1, 1])],
)
def test_front_ends_share_the_turns(count, processes, shares):
    assert [share_of(count, number, processes) for number in range(processes)] == shares
