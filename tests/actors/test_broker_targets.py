"""Events that are published to real brokers: RabbitMQ and NATS, where they run on this computer.

``RABBITMQ`` and ``NATS`` in the environment are other ports than 5672 and 4222.
"""

import asyncio
import contextlib
import json
import logging
import os
import shutil
import socket
import ssl
import subprocess
import threading
import uuid
from pathlib import Path

import pytest

from repertory.actors.clock import SystemClock
from repertory.actors.crew import InlineCrew
from repertory.actors.delivery import DeliveryActor
from repertory.actors.messages.delivery import DescribeTarget
from repertory.actors.messages.following import ListTargetPlaces
from repertory.actors.messages.instances import StoreInstance
from repertory.actors.targets.base import Rules, Verdict
from repertory.actors.targets.broker import Access, tls_context
from repertory.actors.targets.nats import NatsTarget
from repertory.actors.targets.rabbitmq import RabbitMqTarget
from repertory.errors import CannotStart
from repertory.events import InstanceStored
from repertory.model import ChangeType, Level, ResourceId
from repertory.testing import ManualClock
from repertory.testing.files import make_dicom
from repertory.testing.gate import Gate
from repertory.testing.orthanc import free_port
from repertory.testing.server import until

aio_pika = pytest.importorskip("aio_pika")
nats = pytest.importorskip("nats")

PATIENCE = 20.0
HOUR = 3600.0


def listening(port, what):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        pytest.skip(f"{what} does not listen on port {port}")
    return port


def an_event(number=7, type_=ChangeType.NEW_INSTANCE, **more):
    return InstanceStored(
        number=number,
        type=type_,
        level=Level.INSTANCE,
        id=ResourceId("i"),
        date="20260101T000000",
        parents={Level.SERIES: "s", Level.STUDY: "t", Level.PATIENT: "p"},
        **more,
    )


class Rabbit:
    """RabbitMQ, with an exchange and a queue of the test's own."""

    scheme = "amqp"

    def __init__(self):
        self.behind = listening(int(os.environ.get("RABBITMQ", "5672")), "RabbitMQ")
        self.name = f"test-{uuid.uuid4().hex[:12]}"

    def target(self, port, *, clock, rules=None, name="broker", **more):
        parts = {"exchange": self.name, "queue": self.name, "routing_key": "test.archive", **more}
        access = Access((f"amqp://127.0.0.1:{port}/",), more.pop("username", ""), "")
        parts.pop("username", None)
        return RabbitMqTarget(name, access, clock=clock, rules=rules, **parts)

    def refused(self, port, clock):
        access = Access((f"amqp://127.0.0.1:{port}/",), "guest", "wrong-password")
        return RabbitMqTarget("broker", access, clock=clock)

    def got(self):
        """All messages: key, name, headers and content; they are gone afterwards."""
        return asyncio.run(self._got())

    async def _got(self):
        messages = []
        async with await aio_pika.connect(port=self.behind) as connection:
            channel = await connection.channel()
            queue = await channel.get_queue(self.name)
            while (it := await queue.get(fail=False, no_ack=True)) is not None:
                assert it.delivery_mode is aio_pika.DeliveryMode.PERSISTENT
                messages.append((it.routing_key, it.message_id, dict(it.headers), it.body))
        return messages

    def clear(self):
        async def clear():
            async with await aio_pika.connect(port=self.behind) as connection:
                channel = await connection.channel()
                await channel.queue_delete(self.name)
                await channel.exchange_delete(self.name)

        asyncio.run(clear())


class Nats:
    """NATS JetStream, with a stream of the test's own."""

    scheme = "nats"

    def __init__(self):
        self.behind = listening(int(os.environ.get("NATS", "4222")), "NATS")
        self.name = f"test-{uuid.uuid4().hex[:12]}"

    def target(self, port, *, clock, rules=None, name="broker", **more):
        parts = {"stream": self.name, "subject": f"{self.name}.archive", **more}
        access = Access((f"nats://127.0.0.1:{port}",))
        return NatsTarget(name, access, clock=clock, rules=rules, **parts)

    def got(self):
        return asyncio.run(self._got())

    async def _got(self):
        client = await nats.connect(f"nats://127.0.0.1:{self.behind}")
        streams = client.jetstream()
        messages = []
        state = (await streams.stream_info(self.name)).state
        for number in range(state.first_seq, state.last_seq + 1):
            it = await streams.get_msg(self.name, seq=number)
            key = it.subject.replace(self.name, "test")
            messages.append((key, it.headers["Nats-Msg-Id"], dict(it.headers), it.data))
        await streams.purge_stream(self.name)
        await client.close()
        return messages

    def clear(self):
        async def clear():
            client = await nats.connect(f"nats://127.0.0.1:{self.behind}")
            with contextlib.suppress(nats.js.errors.NotFoundError):  # the test made none
                await client.jetstream().delete_stream(self.name)
            await client.close()

        asyncio.run(clear())


@pytest.fixture(params=[Rabbit, Nats])
def broker(request):
    broker = request.param()
    yield broker
    broker.clear()


@pytest.fixture
def gate(broker):
    with Gate(broker.behind) as gate:
        yield gate


@pytest.fixture
def made():
    """Targets that are to be closed."""
    targets = []
    yield targets
    for target in targets:
        target.abort()
    until(lambda: not any(it.name.startswith("broker-") for it in threading.enumerate()))


@pytest.fixture
def target(broker, gate, made):
    def target(**more):
        made.append(broker.target(gate.port, **{"clock": SystemClock(), **more}))
        made[-1].open("archive-1")
        return made[-1]

    return target


def numbers(messages):
    return [json.loads(body)["Seq"] for _, _, _, body in messages]


def test_an_event_is_published_as_json_under_a_key_that_says_what_it_is(broker, target):
    outcome = target().deliver([an_event()])

    assert outcome.verdict is Verdict.DELIVERED
    ((key, id_, headers, body),) = broker.got()
    assert key == "test.archive.Instance.NewInstance.i"
    assert id_ == "archive-1-7-20260101T000000"
    assert headers["Repertory-Number"] in (7, "7")
    assert json.loads(body) == {
        "Archive": "archive-1",
        "Seq": 7,
        "ChangeType": "NewInstance",
        "ResourceType": "Instance",
        "ID": "i",
        "Path": "/instances/i",
        "Date": "20260101T000000",
        "Parents": {"Patient": "p", "Study": "t", "Series": "s"},
    }


def test_main_tags_are_told_to_those_who_asked_for_them(broker, target):
    event = an_event(main_tags={"0008,0018": "1.2.3"})

    target(rules=Rules(main_tags=True)).deliver([event])

    ((_, _, _, body),) = broker.got()
    assert json.loads(body)["MainDicomTags"] == {"SOPInstanceUID": "1.2.3"}


def test_events_are_confirmed_in_order_over_one_connection(broker, target, gate):
    it = target()

    first = it.deliver([an_event(number) for number in range(1, 31)])
    second = it.deliver([an_event(number) for number in range(31, 61)])

    assert (first.delivered, second.delivered) == (30, 30)
    assert numbers(broker.got()) == list(range(1, 61))
    assert gate.came == 1


def test_a_connection_that_was_cut_is_made_anew(broker, target, gate):
    it = target()
    it.deliver([an_event(1)])
    gate.shut()

    cut = it.deliver([an_event(2), an_event(3)])
    gate.open()
    again = it.deliver([an_event(2), an_event(3)])

    assert (cut.delivered, cut.verdict) == (0, Verdict.UNREACHABLE)
    assert "connection was lost" in cut.reason
    assert again.verdict is Verdict.DELIVERED
    assert numbers(broker.got()) == [1, 2, 3]


def test_a_broker_that_says_nothing_is_given_up_in_time(broker, made):
    clock = ManualClock()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        it = broker.target(silent.getsockname()[1], clock=clock)
        made.append(it)
        outcomes = []
        thread = threading.Thread(target=lambda: outcomes.append(it.deliver([an_event()])))
        thread.start()
        with silent.accept()[0]:
            until(lambda: clock.advance(10.0) or outcomes)
            thread.join(PATIENCE)

    assert outcomes[0].verdict is Verdict.UNREACHABLE
    assert outcomes[0].delivered == 0
    assert "10 seconds" in outcomes[0].reason


def test_nothing_is_published_when_the_archive_stops(target, broker, gate):
    it = target()
    it.deliver([an_event(1)])

    it.abort()

    assert it.deliver([an_event(2)]).verdict is Verdict.UNREACHABLE
    assert numbers(broker.got()) == [1]


def test_what_is_under_way_is_given_up_when_the_archive_stops(broker, made):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        it = broker.target(silent.getsockname()[1], clock=ManualClock())
        made.append(it)
        outcomes = []
        thread = threading.Thread(target=lambda: outcomes.append(it.deliver([an_event()])))
        thread.start()
        with silent.accept()[0]:
            it.abort()
            thread.join(PATIENCE)

    assert outcomes[0].verdict is Verdict.UNREACHABLE


def test_a_port_where_nobody_listens_is_unreachable(broker, made):
    made.append(broker.target(free_port(), clock=SystemClock(), timeout=1.0))

    outcome = made[0].deliver([an_event()])

    assert (outcome.delivered, outcome.verdict) == (0, Verdict.UNREACHABLE)


# Over the archive


def store(archive, number):
    return archive.stage.ask(StoreInstance(content=make_dicom(patient_id=f"P{number}"))).ids


def state(archive):
    archive.stage.settle()
    return archive.stage.ask(DescribeTarget(name="broker"))


def put_on(archive, target):
    return archive.stage.put_on(DeliveryActor, targets=[target], crew=lambda _: InlineCrew())


def test_a_broker_that_is_down_for_an_hour_misses_nothing(archive, broker, target, gate):
    put_on(archive, target(clock=archive.stage.clock))
    store(archive, 1)
    assert state(archive).state == "Idle"
    before = numbers(broker.got())

    gate.shut()
    for number in range(2, 14):
        store(archive, number)
        archive.stage.settle()
        archive.stage.clock.advance(HOUR / 12)
    assert state(archive).state == "Retrying"
    gate.open()
    archive.stage.clock.advance(HOUR)
    now = state(archive)

    after = numbers(broker.got())
    assert (now.state, now.newest - now.position, now.dead_letters) == ("Idle", 0, 0)
    assert before == [1, 2, 3, 4]
    assert now.newest > 13 * 4  # an hour later, everything is stable, too
    assert after == list(range(5, now.newest + 1))


def test_after_a_restart_it_goes_on_where_it_was(archive, broker, target, gate):
    first = put_on(archive, target(clock=archive.stage.clock))
    store(archive, 1)
    archive.stage.settle()
    gate.shut()
    store(archive, 2)
    archive.stage.settle()
    first.stop()
    store(archive, 3)
    gate.open()

    put_on(archive, target(clock=archive.stage.clock))
    archive.stage.settle()

    assert numbers(broker.got()) == list(range(1, 13))
    assert archive.stage.ask(ListTargetPlaces())[0].position == 12


def test_what_was_not_noted_comes_again_and_can_be_told_by_its_name(archive, broker, target):
    it = target(clock=archive.stage.clock)
    event = an_event(1)
    it.deliver([event])

    it.deliver([event])

    names = {id_ for _, id_, _, _ in broker.got()}
    assert len(names) == 1


# What a kind alone does


@pytest.fixture
def rabbit():
    broker = Rabbit()
    yield broker
    broker.clear()


@pytest.fixture
def jetstream():
    broker = Nats()
    yield broker
    broker.clear()


def opened(made, target):
    made.append(target)
    target.open("archive-1")
    return target


def test_rabbitmq_with_a_wrong_password_is_told_without_the_password(rabbit, made, caplog):
    caplog.set_level(logging.INFO)
    it = opened(made, rabbit.refused(rabbit.behind, SystemClock()))

    outcome = it.deliver([an_event()])

    assert (outcome.verdict, outcome.reason) == (
        Verdict.UNREACHABLE,
        "It does not let the user in.",
    )
    assert "wrong-password" not in caplog.text + repr(it.access) + it.address


def test_rabbitmq_keeps_an_event_that_no_queue_takes_where_that_is_wanted(rabbit, made):
    clock = SystemClock()
    it = opened(made, rabbit.target(rabbit.behind, clock=clock, queue="", mandatory=True))

    outcome = it.deliver([an_event()])
    opened(made, rabbit.target(rabbit.behind, clock=clock)).deliver([an_event(1)])
    again = it.deliver([an_event()])

    assert (outcome.verdict, outcome.reason) == (Verdict.UNREACHABLE, "No queue takes the event.")
    assert again.verdict is Verdict.DELIVERED
    assert numbers(rabbit.got()) == [1, 7]


def test_rabbitmq_lets_an_event_go_that_no_queue_takes(rabbit, made):
    it = opened(made, rabbit.target(rabbit.behind, clock=SystemClock(), queue=""))

    assert it.deliver([an_event()]).verdict is Verdict.DELIVERED


def test_an_exchange_of_another_kind_is_told(rabbit, made):
    async def declare():
        async with await aio_pika.connect(port=rabbit.behind) as connection:
            channel = await connection.channel()
            await channel.declare_exchange(rabbit.name, aio_pika.ExchangeType.FANOUT)

    asyncio.run(declare())
    it = opened(made, rabbit.target(rabbit.behind, clock=SystemClock()))

    assert it.deliver([an_event()]).reason == (
        "Its exchange or queue of that name is of another kind."
    )


def test_the_next_node_is_taken_when_one_is_down(rabbit, made):
    urls = (f"amqp://127.0.0.1:{free_port()}/", f"amqp://127.0.0.1:{rabbit.behind}/")
    it = opened(
        made,
        RabbitMqTarget(
            "broker", Access(urls), clock=SystemClock(), exchange=rabbit.name, queue=rabbit.name
        ),
    )

    assert it.deliver([an_event()]).verdict is Verdict.DELIVERED
    assert numbers(rabbit.got()) == [7]


CERTIFICATE = Path(__file__).parents[1] / "http" / "certificates" / "server.pem"


def trusting(file):
    return tls_context("X", ca_certificates=file, certificate="", private_key="")


def test_rabbitmq_over_tls_is_believed_if_its_certificate_is(rabbit, made):
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(CERTIFICATE)
    clock = SystemClock()
    parts = {"clock": clock, "exchange": rabbit.name, "queue": rabbit.name}
    with Gate(rabbit.behind, tls=server) as gate:
        urls = (f"amqps://localhost:{gate.port}/",)
        wary = opened(made, RabbitMqTarget("b", Access(urls, tls=trusting("")), **parts))
        access = Access(urls, tls=trusting(str(CERTIFICATE)))
        trustful = opened(made, RabbitMqTarget("b", access, **parts))

        refused = wary.deliver([an_event()])
        outcome = trustful.deliver([an_event()])

    assert refused.verdict is Verdict.UNREACHABLE
    assert refused.reason.startswith("Its certificate is not to be trusted: self")
    assert outcome.verdict is Verdict.DELIVERED
    assert numbers(rabbit.got()) == [7]


@pytest.fixture
def own_nats(tmp_path):
    """The port of a server that wants TLS, and a password."""
    program = shutil.which("nats-server")
    if program is None:
        pytest.skip("nats-server is not installed")
    port = free_port()
    process = subprocess.Popen(
        [
            *(program, "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", str(tmp_path / "nats")),
            *("--tls", "--tlscert", str(CERTIFICATE), "--tlskey", str(CERTIFICATE)),
            *("--user", "archive", "--pass", "open-sesame", "-l", str(tmp_path / "log")),
        ]
    )
    until(lambda: "Server is ready" in _text(tmp_path / "log"))
    yield port
    process.kill()
    process.wait()


def _text(path):
    return path.read_text() if path.exists() else ""


def test_nats_with_tls_and_a_password(own_nats, made, caplog):
    caplog.set_level(logging.INFO)
    urls = (f"tls://localhost:{own_nats}",)
    parts = {"clock": SystemClock(), "stream": "ours", "subject": "ours"}

    def deliver(password, tls):
        access = Access(urls, "archive", password, tls)
        return opened(made, NatsTarget("n", access, **parts)).deliver([an_event()])

    stranger = deliver("open-sesame", trusting(""))
    refused = deliver("guessed-wrong", trusting(str(CERTIFICATE)))
    outcome = deliver("open-sesame", trusting(str(CERTIFICATE)))

    assert stranger.reason.startswith("Its certificate is not to be trusted: self")
    assert refused.reason == "It does not let the user in."
    assert outcome.verdict is Verdict.DELIVERED
    assert "guessed-wrong" not in caplog.text
    assert "open-sesame" not in caplog.text


def test_nats_without_a_stream_that_listens_waits_for_one(jetstream, made):
    it = opened(made, jetstream.target(jetstream.behind, clock=SystemClock(), stream=""))

    outcome = it.deliver([an_event()])

    assert (outcome.verdict, outcome.reason) == (Verdict.UNREACHABLE, "No stream takes the event.")


def test_nats_drops_a_double_by_its_name(jetstream, made):
    it = opened(made, jetstream.target(jetstream.behind, clock=SystemClock()))

    it.deliver([an_event(1)])
    it.deliver([an_event(1), an_event(2)])

    assert numbers(jetstream.got()) == [1, 2]


def test_a_full_stream_of_nats_waits_until_there_is_room(jetstream, made):
    async def make(limit):
        client = await nats.connect(f"nats://127.0.0.1:{jetstream.behind}")
        await getattr(client.jetstream(), "add_stream" if limit == 1 else "update_stream")(
            name=jetstream.name,
            subjects=[f"{jetstream.name}.>"],
            max_msgs=limit,
            discard="new",
        )
        await client.close()

    asyncio.run(make(1))
    it = opened(made, jetstream.target(jetstream.behind, clock=SystemClock()))

    full = it.deliver([an_event(1), an_event(2)])
    asyncio.run(make(10))
    again = it.deliver([an_event(2)])

    assert (full.delivered, full.verdict) == (1, Verdict.UNREACHABLE)
    assert "did not take" in full.reason
    assert again.verdict is Verdict.DELIVERED
    assert numbers(jetstream.got()) == [1, 2]


def test_an_event_that_nats_can_never_take_is_refused(jetstream, made):
    it = opened(
        made,
        jetstream.target(jetstream.behind, clock=SystemClock(), rules=Rules(main_tags=True)),
    )
    huge = an_event(1, main_tags={"0010,0010": "x" * (9 << 20)})

    outcome = it.deliver([huge])

    assert (outcome.verdict, outcome.reason) == (
        Verdict.REFUSED,
        "It takes no message of that size.",
    )


def test_certificates_that_cannot_be_read_keep_the_archive_from_starting(tmp_path):
    broken = tmp_path / "ca.pem"
    broken.write_text("no certificate")
    given = {"ca_certificates": "", "certificate": "", "private_key": ""}

    with pytest.raises(CannotStart, match=r"Nats\.a\.CACertificates"):
        tls_context("Nats.a", **(given | {"ca_certificates": str(broken)}))
    with pytest.raises(CannotStart, match=r"Nats\.a\.Certificate"):
        tls_context("Nats.a", **(given | {"certificate": str(broken)}))
