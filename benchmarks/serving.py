"""The model server beside the bare forward pass: how much of the machine's speed the clients get.

    python -m benchmarks.serving

A ResNet-34 with random weights, and faces of 256x256 cut from a photograph. A server process on loopback; 1, 8 and 32
clients that send PNG crops, 32 in a request (all faces of a video) or one; each answer is compared with the right one.
In turns with it, never at the same time: the bare forward pass, signature `crops`, batches of 32, in this process; if
the clients send less than a batch at a time, also in batches of that size. Then new versions appear while 8 clients
work; then come 1,000 malformed requests, with the server's memory before and after them.
"""

import contextlib
import itertools
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from benchmarks import common, serving_clients

NAME = "deepfake"
PATH = f"/v1/models/{NAME}:predict"


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = common.parser("serving", __doc__)
    parser.add_argument("--rounds", type=int, default=3, help="of each measurement (default: %(default)s)")
    parser.add_argument("--clients", type=int, nargs="*", default=[1, 8, 32], help="how many (default: 1 8 32)")
    options = parser.parse_args(arguments)
    rounds, clients, backbone, batch, bad = options.rounds, options.clients, "resnet34", 32, 1000
    if options.quick:
        rounds, clients, backbone, batch, bad = 1, [1, 3], "resnet10", 4, 25
    figures, ratios = _Printed(), _Printed()
    with tempfile.TemporaryDirectory(prefix="serving-") as folder:
        bench = Bench(folder, backbone, batch, options.quick)
        with bench.serving():
            for faces in (batch, 1):
                for count in clients:
                    measure(bench, faces, count, rounds, figures, ratios)
            reload_under_load(bench, clients[-1] if options.quick else 8, figures)
            malformed(bench, bad, figures)
    common.write_json(options.json, ratios, figures)
    bad_figures = [value for name, value in figures.items() if name.startswith(("lost", "wrong", "unhealthy"))]
    return 1 if any(bad_figures) else 0


class _Printed(dict[str, float]):
    """Figures by name, printed as they come: all of them take minutes."""

    def __setitem__(self, name: str, value: float) -> None:
        super().__setitem__(name, value)
        print(f"{name:58} {value:10.3f}", flush=True)


class Bench:
    """Two models, faces, and a server.

    Args:
        folder: for the models.
        backbone: of the models.
        batch: faces in one forward pass.
        quick: one model, and few requests.

    Attributes:
        crops: uint8 [batch, 256, 256, 3].
        pictures: the crops as PNG.
        expected: for each model (one in a quick run), its answer to each crop.
        address: of the server, while it runs.
    """

    def __init__(self, folder: str, backbone: str, batch: int, quick: bool = False) -> None:
        from commands.quiet import import_tensorflow

        import_tensorflow()
        import cv2
        import keras
        from skimage import data

        from model.detector import DeepfakeDetector
        from model.exporting import export_saved_model
        from model.recipes import get_recipe
        from model.served import ServedModel

        self.batch, self.quick, self._models = batch, quick, os.path.join(folder, "models")
        os.mkdir(self._models)
        rng, photo = np.random.default_rng(0), data.astronaut()
        corners = rng.integers(0, 256, (batch, 2))
        self.crops = np.stack([photo[y : y + 256, x : x + 256] for y, x in corners])
        self.pictures: list[bytes] = [cv2.imencode(".png", crop[..., ::-1])[1].tobytes() for crop in self.crops]
        self.expected: list[list[serving_clients.Row]] = []
        self._saved: list[str] = []
        for seed in (0,) if quick else (0, 1):
            keras.utils.set_random_seed(seed)
            detector = DeepfakeDetector(get_recipe("paper", backbone=backbone))
            detector(np.zeros((1, 256, 256, 3), np.uint8), training=False)
            self._saved.append(os.path.join(folder, f"model-{seed}"))
            export_saved_model(detector, self._saved[-1])
            self._model = ServedModel(self._saved[-1])
            self.expected.append(_rows(self._model.predict(self.crops)))
        self.push(0)

    def push(self, which: int) -> int:
        """Make a model the newest version; returns its number."""
        number = 1 + max((int(name) for name in os.listdir(self._models)), default=0)
        hidden = os.path.join(self._models, f".{number}")
        shutil.copytree(self._saved[which % len(self._saved)], hidden)
        os.rename(hidden, os.path.join(self._models, str(number)))
        return number

    def forward(self, faces: int, batch: int | None = None) -> tuple[float, float]:
        """Time the bare forward pass.

        Args:
            faces: about how many to score.
            batch: faces in a pass; the bench's batch by default.

        Returns:
            (faces per second, processor seconds per face).
        """
        crops = self.crops[:batch]
        batches = max(1, faces // len(crops))
        self._model.predict(crops)  # TensorFlow prepares something for each new size
        began, spent = time.perf_counter(), time.process_time()
        for _ in range(batches):
            self._model.predict(crops)
        faces = batches * len(crops)
        return faces / (time.perf_counter() - began), (time.process_time() - spent) / faces

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        """A server process for as long as the body runs."""
        arguments = ["--model", self._models, "--model_name", NAME, "--port", "0", "--poll_seconds", "0.5"]
        arguments += ["--queue", "4096", "--request_timeout", "600", "--max_batch", str(self.batch)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "serving.server", *arguments], stdout=subprocess.PIPE, text=True
        )
        try:
            assert self._process.stdout is not None
            line = next(line for line in self._process.stdout if line.startswith("ready: "))
            self.address = ("127.0.0.1", int(line.split()[1].rsplit(":", 1)[1]))
            yield
        finally:
            self._process.terminate()
            self._process.communicate()

    def cpu_seconds(self) -> float:
        """Processor time that the server has taken so far."""
        with open(f"/proc/{self._process.pid}/stat") as stream:
            fields = stream.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> float:
        """Resident memory of the server, MiB."""
        with open(f"/proc/{self._process.pid}/status") as stream:
            return next(int(line.split()[1]) for line in stream if line.startswith("VmRSS")) / 1024


def _rows(outputs: dict[str, Any]) -> list[serving_clients.Row]:
    return [{name: values[row].tolist() for name, values in outputs.items()} for row in range(len(outputs["logit"]))]


def _requests(bench: Bench, faces: int) -> tuple[list[bytes], list[serving_clients.RightAnswers]]:
    """Bodies of some faces each, and the right answers to each: that of one model or the other."""
    groups = [range(at, at + faces) for at in range(0, bench.batch, faces)]
    bodies = [serving_clients.body([bench.pictures[k] for k in group]) for group in groups]
    return bodies, [[[rows[k] for k in group] for rows in bench.expected] for group in groups]


def _request_count(bench: Bench, faces: int, clients: int) -> int:
    """Requests in one round: enough for a steady figure, few enough for a short round."""
    if faces == 1:
        each = 4 if bench.quick else 10
    elif clients == 1 and not bench.quick:
        each = 6
    else:
        each = 2 if bench.quick else 1
    least = 2 if bench.quick else (512 if clients > 1 else 64) // faces
    return max(each * clients, least)


def measure(bench: Bench, faces: int, clients: int, rounds: int, figures: _Printed, ratios: _Printed) -> None:
    """Throughput and latency of some clients, with some faces in each request."""
    bodies, expected = _requests(bench, faces)
    requests = _request_count(bench, faces, clients)
    serving_clients.run(bench.address, PATH, bodies, expected, clients, clients)  # as in `common.interleaved`
    measured = bench.batch if bench.quick else 3 * bench.batch  # faces of each bare pass
    together = min(bench.batch, clients * faces)  # the most that can be in a batch
    rates: list[float] = []
    cpu: list[float] = []
    alike: list[float] = []  # faces/s of bare passes in batches of `together`
    bare = [bench.forward(measured)]
    latencies: list[float] = []
    wrong = lost = 0
    for _ in range(rounds):
        before = bench.cpu_seconds()
        load = serving_clients.run(bench.address, PATH, bodies, expected, clients, requests)
        cpu.append((bench.cpu_seconds() - before) / (requests * faces))
        rates.append(requests * faces / load.seconds)
        latencies += load.latencies
        wrong, lost = wrong + load.wrong, lost + load.lost
        alike.append(bench.forward(measured, together)[0])
        bare.append(bench.forward(measured))
    # Beside each round: the mean of the bare passes before and after it.
    bare_rates = [(a[0] + b[0]) / 2 for a, b in itertools.pairwise(bare)]
    bare_cpu = [(a[1] + b[1]) / 2 for a, b in itertools.pairwise(bare)]

    label = f"{clients} clients, {faces} crops a request"
    figures[f"faces/s, bare, beside {label}"] = statistics.median(bare_rates)
    figures[f"faces/s, {label}"] = statistics.median(rates)
    figures[f"p50 s, {label}"] = statistics.median(latencies)
    figures[f"p99 s, {label}"] = sorted(latencies)[min(len(latencies) - 1, int(0.99 * len(latencies)))]
    figures[f"CPU ms/face, bare, beside {label}"] = 1000 * statistics.median(seconds for _, seconds in bare)
    figures[f"CPU ms/face, {label}"] = 1000 * statistics.median(cpu)
    figures[f"lost, {label}"], figures[f"wrong, {label}"] = lost, wrong
    name = f"{clients}_clients_{faces}_crops"
    ratios[f"serving_to_forward_{name}"] = _median_ratio(rates, bare_rates)
    if together < bench.batch:
        figures[f"faces/s, bare, batches of {together}"] = statistics.median(alike)
        ratios[f"serving_to_batches_of_{together}_{name}"] = _median_ratio(rates, alike)
    ratios[f"serving_to_forward_cpu_{name}"] = _median_ratio(bare_cpu, cpu)


def _median_ratio(one: Sequence[float], other: Sequence[float]) -> float:
    return statistics.median(a / b for a, b in zip(one, other, strict=True))


def reload_under_load(bench: Bench, clients: int, figures: _Printed) -> None:
    """New versions appear while clients work; each answer must be one model's or the other's."""
    bodies, expected = _requests(bench, 1)
    wrong = lost = answered = 0
    number = 1
    for which in (1, 0):
        number = bench.push(which)
        deadline = time.monotonic() + 300
        while True:
            load = serving_clients.run(bench.address, PATH, bodies, expected, clients, 4 * clients)
            wrong, lost = wrong + load.wrong, lost + load.lost
            answered += len(load.latencies)
            if serving_clients.version(bench.address, NAME) == number or time.monotonic() > deadline:
                break
    figures["requests answered while versions changed"] = answered
    figures["lost, while versions changed"], figures["wrong, while versions changed"] = lost, wrong
    figures["wrong version in the end"] = int(serving_clients.version(bench.address, NAME) != number)


def malformed(bench: Bench, count: int, figures: _Printed) -> None:
    """Send malformed requests, and look at what they leave behind."""
    rng = random.Random(0)
    codes = _send_malformed(bench, rng, count // 5)
    before = bench.memory()
    codes += _send_malformed(bench, rng, count)
    client_errors = [code for code in codes if code is not None and 400 <= code < 500]
    server_errors = [code for code in codes if code is None or code >= 500]
    figures["malformed requests"] = len(codes)
    figures["malformed requests that were answered with 4xx"] = len(client_errors)
    figures["malformed requests whose picture could be decoded"] = codes.count(200)
    figures["unhealthy: malformed requests with 5xx or no answer"] = len(server_errors)
    figures["MiB resident before the malformed requests"] = before
    figures["MiB resident after them"] = bench.memory()
    bodies, expected = _requests(bench, 1)
    load = serving_clients.run(bench.address, PATH, bodies, expected, 2, 8)
    figures["lost, after malformed requests"] = load.lost
    figures["wrong, after malformed requests"] = load.wrong


def _send_malformed(bench: Bench, rng: random.Random, count: int) -> list[int | None]:
    bodies = serving_clients.malformed(rng, bench.pictures[0], count)
    return [serving_clients.send(bench.address, PATH, body) for body in bodies]


if __name__ == "__main__":
    sys.exit(main())
