"""Events to real brokers, from a server that is killed."""

import asyncio
import contextlib
import json
import os
import random
import socket
import threading
import uuid

import pytest

from repertory.testing.files import make_dicom
from repertory.testing.server import until

aio_pika = pytest.importorskip("aio_pika")
nats = pytest.importorskip("nats")

RABBITMQ = int(os.environ.get("RABBITMQ", "5672"))
NATS = int(os.environ.get("NATS", "4222"))


@pytest.fixture
def name():
    """The name of an exchange, a queue and a stream."""
    for port, what in ((RABBITMQ, "RabbitMQ"), (NATS, "NATS")):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=2).close()
        except OSError:
            pytest.skip(f"{what} does not listen on port {port}")
    name = f"test-{uuid.uuid4().hex[:12]}"
    yield name
    asyncio.run(clear(name))


async def clear(name):
    async with await aio_pika.connect(port=RABBITMQ) as connection:
        channel = await connection.channel()
        await channel.queue_delete(name)
        await channel.exchange_delete(name)
    client = await nats.connect(f"nats://127.0.0.1:{NATS}")
    with contextlib.suppress(nats.js.errors.NotFoundError):
        await client.jetstream().delete_stream(name)
    await client.close()


async def from_rabbitmq(name):
    found = []
    async with await aio_pika.connect(port=RABBITMQ) as connection:
        channel = await connection.channel()
        queue = await channel.get_queue(name)
        while (it := await queue.get(fail=False, no_ack=True)) is not None:
            found.append(json.loads(it.body)["Seq"])
    return found


async def from_nats(name):
    client = await nats.connect(f"nats://127.0.0.1:{NATS}")
    streams = client.jetstream()
    state = (await streams.stream_info(name)).state
    numbers = range(state.first_seq, state.last_seq + 1)
    found = [json.loads((await streams.get_msg(name, seq=n)).data)["Seq"] for n in numbers]
    await client.close()
    return found


def without_doubles(numbers):
    """What is left for whoever drops what is not greater than what he has dealt with."""
    kept = []
    for number in numbers:
        if not kept or number > kept[-1]:
            kept.append(number)
    return kept


def test_a_server_that_is_killed_publishes_every_event_in_order(serve, name):
    server = serve(
        RabbitMQ={
            "bus": {
                "Urls": [f"amqp://127.0.0.1:{RABBITMQ}/"],
                "Username": "guest",
                "Password": "guest",
                "Exchange": name,
                "Queue": name,
            }
        },
        Nats={"stream": {"Urls": [f"nats://127.0.0.1:{NATS}"], "Subject": name, "Stream": name}},
    )
    chance = random.Random(5)
    pause = threading.Event()

    for turn in range(4):
        for number in range(10):
            content = make_dicom(patient_id=f"P{turn}-{number}")
            assert server.post("/instances", content).status == 200
        pause.wait(chance.uniform(0.0, 0.1))
        server.kill()
        server.start()
    last = server.get("/changes?last").json["Last"]
    until(lambda: all(it["Position"] == last for it in server.get("/webhooks").json))

    rabbit, stream = asyncio.run(from_rabbitmq(name)), asyncio.run(from_nats(name))
    assert without_doubles(rabbit) == without_doubles(stream) == list(range(1, last + 1))
    assert stream == list(range(1, last + 1))  # it drops doubles itself
    kinds = {it["Name"]: it["Kind"] for it in server.get("/webhooks").json}
    assert kinds == {"bus": "RabbitMQ", "stream": "NATS"}
    assert '"guest"' not in server.log
