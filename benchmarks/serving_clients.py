"""Clients of the model server: they send bodies that were made before, and compare each answer with the right ones."""

import base64
import http.client
import json
import multiprocessing
import random
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

PROCESSES = 2  # that share the clients; each client is a thread
TOLERANCE = 1e-4

Address = tuple[str, int]  # host, port
# Outputs of the model for one face, by name: a number, or a list of numbers for the embedding.
Row = Mapping[str, Any]
# The answers to one body that are right; each has a row for each face.
RightAnswers = Sequence[Sequence[Row]]


@dataclass
class _Tally:
    """What the clients of one process saw."""

    latencies: list[float] = field(default_factory=list)
    wrong: int = 0
    answered: int = 0


@dataclass(frozen=True)
class Load:
    """What came of many requests.

    Attributes:
        seconds: of all together.
        latencies: seconds of each.
        wrong: number of answers that were wrong.
        lost: number of requests without an answer.
    """

    seconds: float
    latencies: list[float]
    wrong: int
    lost: int


def body(pictures: Sequence[bytes]) -> bytes:
    """The body of a predict request for encoded pictures, in row format."""
    return json.dumps({"instances": [{"b64": base64.b64encode(one).decode()} for one in pictures]}).encode()


def run(
    address: Address,
    path: str,
    bodies: Sequence[bytes],
    expected: Sequence[RightAnswers],
    clients: int,
    requests: int,
) -> Load:
    """Let clients send requests, each the next one as soon as its last is answered.

    Args:
        address: of the server.
        path: of the URL.
        bodies: request k sends number k modulo their count.
        expected: the right answers to each body.
        clients: number of clients at a time.
        requests: number of requests of all clients together.
    """
    context = multiprocessing.get_context("spawn")
    count = min(PROCESSES, clients)
    processes = []
    for number in range(count):
        ours, theirs = context.Pipe()
        share = clients // count + (number < clients % count)
        numbers = range(number, requests, count)
        work = (theirs, address, path, bodies, expected, share, numbers)
        process = context.Process(target=_client_process, args=work, daemon=True)
        process.start()
        processes.append((ours, process))
    for pipe, _ in processes:
        pipe.recv()  # ready
    began = time.perf_counter()
    for pipe, _ in processes:
        pipe.send("go")
    tallies: list[_Tally] = [pipe.recv() for pipe, _ in processes]
    seconds = time.perf_counter() - began
    for _, process in processes:
        process.join()
    return Load(
        seconds=seconds,
        latencies=[latency for tally in tallies for latency in tally.latencies],
        wrong=sum(tally.wrong for tally in tallies),
        lost=requests - sum(tally.answered for tally in tallies),  # with those that a failed client never sent
    )


def _client_process(
    pipe: Connection,
    address: Address,
    path: str,
    bodies: Sequence[bytes],
    expected: Sequence[RightAnswers],
    clients: int,
    numbers: range,
) -> None:
    left, lock, tally = iter(numbers), threading.Lock(), _Tally()
    pipe.send("ready")
    pipe.recv()
    arguments = (address, path, bodies, expected, left, lock, tally)
    threads = [threading.Thread(target=_client, args=arguments) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pipe.send(tally)


def _client(
    address: Address,
    path: str,
    bodies: Sequence[bytes],
    expected: Sequence[RightAnswers],
    left: Iterator[int],
    lock: threading.Lock,
    tally: _Tally,
) -> None:
    connection = http.client.HTTPConnection(*address, timeout=600)
    while True:
        with lock:
            number = next(left, None)
        if number is None:
            connection.close()
            return
        which = number % len(bodies)
        answer, code = b"", None
        began = time.perf_counter()
        try:
            connection.request("POST", path, bodies[which], {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer, code = response.read(), response.status
        except (OSError, http.client.HTTPException):
            connection.close()
        latency = time.perf_counter() - began
        answered = code == 200
        right = answered and any(_same(json.loads(answer)["predictions"], rows) for rows in expected[which])
        with lock:
            tally.latencies.append(latency)
            tally.answered += answered
            tally.wrong += answered and not right


def _same(answer: Sequence[Row], expected: Sequence[Row]) -> bool:
    return len(answer) == len(expected) and all(
        row.keys() == other.keys() and all(_close(row[name], other[name]) for name in row)
        for row, other in zip(answer, expected, strict=True)
    )


def _close(one: Any, other: Any) -> bool:
    if isinstance(other, list):
        return len(one) == len(other) and all(map(_close, one, other))
    return bool(abs(one - other) <= TOLERANCE * max(1.0, abs(other)))


def malformed(rng: random.Random, picture: bytes, count: int) -> Iterator[bytes]:
    """Yield malformed bodies: damaged JSON, base64 and pictures, and JSON of other kinds.

    Args:
        rng: chooses the damage.
        picture: the bytes of a good picture.
        count: number of bodies.
    """
    good = body([picture])
    others = (
        *("", "null", "[]", "{}", '{"instances": []}', '{"instances": [null]}', '{"inputs": 1}'),
        *("[" * 5000, '{"a":' * 900),
    )
    for number in range(count):
        kind = number % 5
        if kind == 0:
            yield rng.choice(others).encode()
        elif kind == 1:  # cut off
            yield good[: rng.randrange(len(good))]
        elif kind == 2:  # noise in the JSON
            yield _noise(rng, good, 20)
        elif kind == 3:  # noise in the picture's headers
            yield body([_noise(rng, picture[:200], 5) + picture[200:]])
        elif rng.random() < 0.5:  # a picture that is cut off
            yield body([picture[: rng.randrange(8, len(picture))]])
        else:  # a picture that is noise after its first bytes
            yield body([picture[:8] + rng.randbytes(500)])


def _noise(rng: random.Random, data: bytes, count: int) -> bytes:
    noisy = bytearray(data)
    for _ in range(count):
        noisy[rng.randrange(len(noisy))] = rng.randrange(256)
    return bytes(noisy)


def send(address: Address, path: str, content: bytes) -> int | None:
    """Send one body; returns the status, or None if there was no answer."""
    connection = http.client.HTTPConnection(*address, timeout=60)
    try:
        connection.request("POST", path, content, {"Content-Type": "application/json"})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def version(address: Address, name: str) -> int | None:
    """The number of the version that is served."""
    connection = http.client.HTTPConnection(*address, timeout=60)
    connection.request("GET", f"/v1/models/{name}")
    states = json.loads(connection.getresponse().read())["model_version_status"]
    connection.close()
    return next((int(one["version"]) for one in states if one["state"] == "AVAILABLE"), None)
