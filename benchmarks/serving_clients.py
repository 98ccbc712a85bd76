"""Clients of the model server: they send bodies that were made before, and hold every answer against the right one."""

import base64
import http.client
import itertools
import json
import multiprocessing
import threading
import time

PROCESSES = 2  # that the clients are spread over; each client is a thread
TOLERANCE = 1e-4


def body(pictures):
    """The body of a predict request for encoded pictures, in row format."""
    return json.dumps({"instances": [{"b64": base64.b64encode(one).decode()} for one in pictures]}).encode()


def run(address, path, bodies, expected, clients, requests):
    """Let clients send requests, each the next one as soon as its last is answered.

    Args:
        address: (host, port).
        bodies: list of bytes; request k sends number k modulo its length.
        expected: for each body a list of the answers that are right, each a list with a dict of lists for each face.
        clients: how many at a time.
        requests: how many in all.

    Returns:
        {"seconds": of all, "latencies": [seconds], "wrong": how many answers, "lost": how many had none}.
    """
    context = multiprocessing.get_context("spawn")
    processes = min(PROCESSES, clients)
    pipes = []
    for number in range(processes):
        ours, theirs = context.Pipe()
        share = clients // processes + (number < clients % processes)
        numbers = range(number, requests, processes)
        work = (theirs, address, path, bodies, expected, share, numbers)
        process = context.Process(target=_client_process, args=work, daemon=True)
        process.start()
        pipes.append((ours, process))
    for pipe, _ in pipes:
        pipe.recv()  # ready
    began = time.perf_counter()
    for pipe, _ in pipes:
        pipe.send("go")
    found = [pipe.recv() for pipe, _ in pipes]
    seconds = time.perf_counter() - began
    for _, process in pipes:
        process.join()
    return {
        "seconds": seconds,
        "latencies": [latency for one in found for latency in one["latencies"]],
        "wrong": sum(one["wrong"] for one in found),
        "lost": requests - sum(one["answered"] for one in found),  # also those that a client that failed never sent
    }


def _client_process(pipe, address, path, bodies, expected, clients, numbers):
    numbers, lock = iter(numbers), threading.Lock()
    result = {"latencies": [], "wrong": 0, "answered": 0}
    pipe.send("ready")
    pipe.recv()
    arguments = (address, path, bodies, expected, numbers, lock, result)
    threads = [threading.Thread(target=_client, args=arguments) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pipe.send(result)


def _client(address, path, bodies, expected, numbers, lock, result):
    connection = http.client.HTTPConnection(*address, timeout=600)
    for _ in itertools.count():
        with lock:
            number = next(numbers, None)
        if number is None:
            connection.close()
            return
        which = number % len(bodies)
        began = time.perf_counter()
        try:
            connection.request("POST", path, bodies[which], {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer, code = response.read(), response.status
        except (OSError, http.client.HTTPException):
            code = None
            connection.close()
        latency = time.perf_counter() - began
        right = code == 200 and any(_same(json.loads(answer)["predictions"], one) for one in expected[which])
        with lock:
            result["latencies"].append(latency)
            result["answered"] += code == 200
            result["wrong"] += code == 200 and not right


def _same(answer, expected):
    return len(answer) == len(expected) and all(
        row.keys() == other.keys() and all(_close(row[name], other[name]) for name in row)
        for row, other in zip(answer, expected, strict=True)
    )


def _close(one, other):
    if isinstance(other, list):
        return len(one) == len(other) and all(map(_close, one, other))
    return abs(one - other) <= TOLERANCE * max(1.0, abs(other))


def malformed(rng, picture, count):
    """Yield bodies that are no good: damaged JSON, base64 and pictures, and JSON of other kinds.

    Args:
        rng: a `random.Random`.
        picture: the bytes of a good one.
    """
    good = body([picture])
    others = [
        "",
        "null",
        "[]",
        "{}",
        '{"instances": []}',
        '{"instances": [null]}',
        '{"inputs": 1}',
        "[" * 5000,
        '{"a":' * 900,
    ]
    for number in range(count):
        kind = number % 5
        if kind == 0:
            yield rng.choice(others).encode()
        elif kind == 1:  # cut
            yield good[: rng.randrange(len(good))]
        elif kind == 2:  # noise in the JSON
            yield _noise(rng, good, 20)
        elif kind == 3:  # noise in the picture's headers
            yield body([_noise(rng, picture[:200], 5) + picture[200:]])
        else:  # a picture that breaks off, or is noise after its first bytes
            yield body(
                [picture[: rng.randrange(8, len(picture))] if rng.random() < 0.5 else picture[:8] + rng.randbytes(500)]
            )


def _noise(rng, data, count):
    data = bytearray(data)
    for _ in range(count):
        data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)


def send(address, path, content):
    """Send one body; returns the status code, or None if there was no answer."""
    connection = http.client.HTTPConnection(*address, timeout=60)
    try:
        connection.request("POST", path, content, {"Content-Type": "application/json"})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def version(address, name):
    """The number of the version that is served."""
    connection = http.client.HTTPConnection(*address, timeout=60)
    connection.request("GET", f"/v1/models/{name}")
    states = json.loads(connection.getresponse().read())["model_version_status"]
    connection.close()
    return next((int(one["version"]) for one in states if one["state"] == "AVAILABLE"), None)
