"""The model server beside the bare forward pass: what clients get of what the machine can do.

    python -m benchmarks.serving

A ResNet-34 with random weights, faces of 256x256 cut from a photograph. A server process on loopback; 1, 8 and 32 clients
that send PNG crops, 32 in a request (all faces of a video) or one; each answer is held against the right one. In turns
with it, never at the same time: the bare forward pass, signature `crops`, batches of 32, in this process; where clients
send less than a batch at a time, also in batches of that size. Then new versions appear while 8 clients work; and 1,000
malformed requests, with the server's memory before and after them.
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

from benchmarks import common, serving_clients

NAME = "deepfake"
PATH = f"/v1/models/{NAME}:predict"


def main(arguments=None):
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
                    measure(bench, faces, count, rounds, options.quick, figures, ratios)
            reload_under_load(bench, clients[-1] if options.quick else 8, figures)
            malformed(bench, bad, figures)
    common.write_json(options.json, ratios, figures)
    wrong = sum(value for name, value in figures.items() if name.startswith(("lost", "wrong", "unhealthy")))
    return 1 if wrong else 0


class _Printed(dict):
    """What was found, printed as it comes: all of it takes minutes."""

    def __setitem__(self, name, value):
        super().__setitem__(name, value)
        print(f"{name:58} {value:10.3f}", flush=True)


class Bench:
    """Two models, faces, and a server.

    Attributes:
        pictures: encoded faces.
        expected: what each of the models, two of them but for a quick run, answers for each of them.
        process: the server's, while it is served.
    """

    def __init__(self, folder, backbone, batch, quick=False):
        from commands.quiet import import_tensorflow

        import_tensorflow()
        import cv2
        import keras
        import numpy as np
        from skimage import data

        from model.detector import DeepfakeDetector
        from model.export import export_saved_model
        from model.recipes import get_recipe
        from model.served import ServedModel

        self.batch, self.models = batch, os.path.join(folder, "models")
        rng, photo = np.random.default_rng(0), data.astronaut()
        corners = rng.integers(0, 256, (batch, 2))
        self.crops = np.stack([photo[y : y + 256, x : x + 256] for y, x in corners])
        self.pictures = [cv2.imencode(".png", crop[..., ::-1])[1].tobytes() for crop in self.crops]
        self.expected, self.saved = [], []
        for seed in (0, 1)[: 1 if quick else 2]:
            keras.utils.set_random_seed(seed)
            detector = DeepfakeDetector(get_recipe("paper", backbone=backbone))
            detector(np.zeros((1, 256, 256, 3), np.uint8), training=False)
            self.saved.append(os.path.join(folder, f"model-{seed}"))
            export_saved_model(detector, self.saved[-1])
            self.model = ServedModel(self.saved[-1])
            self.expected.append(_rows(self.model.predict(self.crops)))
        self.push(0)

    def push(self, which):
        """Make a model the newest version."""
        number = (
            1 + max((int(name) for name in os.listdir(self.models)), default=0) if os.path.isdir(self.models) else 1
        )
        hidden = os.path.join(self.models, f".{number}")
        shutil.copytree(self.saved[which % len(self.saved)], hidden)
        os.rename(hidden, os.path.join(self.models, str(number)))
        return number

    def bare(self, faces, batch=None):
        """Faces a second, and processor seconds for a face, of the bare forward pass over about so many faces."""
        crops = self.crops[:batch]
        batches = max(1, faces // len(crops))
        self.model.predict(crops)  # what it prepares for a size that is new
        began, spent = time.perf_counter(), time.process_time()
        for _ in range(batches):
            self.model.predict(crops)
        faces = batches * len(crops)
        return faces / (time.perf_counter() - began), (time.process_time() - spent) / faces

    @contextlib.contextmanager
    def serving(self):
        """A server process for as long as the context lasts."""
        arguments = ["--model", self.models, "--model_name", NAME, "--port", "0", "--poll_seconds", "0.5"]
        arguments += ["--queue", "4096", "--request_timeout", "600", "--max_batch", str(self.batch)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "serving.server", *arguments], stdout=subprocess.PIPE, text=True
        )
        try:
            line = next(line for line in self.process.stdout if line.startswith("ready: "))
            self.address = ("127.0.0.1", int(line.split()[1].rsplit(":", 1)[1]))
            yield
        finally:
            self.process.terminate()
            self.process.communicate()

    def cpu_seconds(self):
        """Processor time that the server took so far."""
        with open(f"/proc/{self.process.pid}/stat") as stream:
            fields = stream.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self):
        """Resident memory of the server, MiB."""
        with open(f"/proc/{self.process.pid}/status") as stream:
            return next(int(line.split()[1]) for line in stream if line.startswith("VmRSS")) / 1024


def _rows(outputs):
    return [{name: values[row].tolist() for name, values in outputs.items()} for row in range(len(outputs["logit"]))]


def _requests(bench, faces):
    """Bodies of so many faces each, and the answers that are right: one of either model."""
    groups = [range(at, at + faces) for at in range(0, bench.batch, faces)]
    bodies = [serving_clients.body([bench.pictures[k] for k in group]) for group in groups]
    return bodies, [[[rows[k] for k in group] for rows in bench.expected] for group in groups]


def measure(bench, faces, clients, rounds, quick, figures, ratios):
    """Throughput and latency of so many clients, with so many faces in each request."""
    bodies, expected = _requests(bench, faces)
    requests = (2 if quick else 6 if clients == 1 else 1) * clients if faces > 1 else (4 if quick else 10) * clients
    requests = max(requests, 2 if quick else 512 // faces if clients > 1 else 64 // faces)
    serving_clients.run(bench.address, PATH, bodies, expected, clients, clients)  # as in `common.interleaved`
    measured = bench.batch if quick else 3 * bench.batch  # faces of each bare pass
    together = min(bench.batch, clients * faces)  # as many as there can be in a batch
    rates, spent, bare, alike, latencies = [], [], [bench.bare(measured)], [], []
    wrong = lost = 0
    for _ in range(rounds):
        before = bench.cpu_seconds()
        found = serving_clients.run(bench.address, PATH, bodies, expected, clients, requests)
        spent.append((bench.cpu_seconds() - before) / (requests * faces))
        rates.append(requests * faces / found["seconds"])
        latencies += found["latencies"]
        wrong, lost = wrong + found["wrong"], lost + found["lost"]
        alike.append(bench.bare(measured, together)[0])
        bare.append(bench.bare(measured))
    label = f"{clients} clients, {faces} crops a request"
    between = [(a[0] + b[0]) / 2 for a, b in itertools.pairwise(bare)]
    figures[f"faces/s, bare, beside {label}"] = statistics.median(between)
    figures[f"faces/s, {label}"] = statistics.median(rates)
    figures[f"p50 s, {label}"] = statistics.median(latencies)
    figures[f"p99 s, {label}"] = sorted(latencies)[min(len(latencies) - 1, int(0.99 * len(latencies)))]
    figures[f"CPU ms/face, bare, beside {label}"] = 1000 * statistics.median(cpu for _, cpu in bare)
    figures[f"CPU ms/face, {label}"] = 1000 * statistics.median(spent)
    figures[f"lost, {label}"], figures[f"wrong, {label}"] = lost, wrong
    name = f"{clients}_clients_{faces}_crops"
    ratios[f"serving_to_forward_{name}"] = statistics.median(a / b for a, b in zip(rates, between, strict=True))
    if together < bench.batch:
        figures[f"faces/s, bare, batches of {together}"] = statistics.median(alike)
        ratios[f"serving_to_batches_of_{together}_{name}"] = statistics.median(
            a / b for a, b in zip(rates, alike, strict=True)
        )
    cpu = zip(spent, bare, bare[1:], strict=False)
    ratios[f"serving_to_forward_cpu_{name}"] = statistics.median((a[1] + b[1]) / 2 / one for one, a, b in cpu)


def reload_under_load(bench, clients, figures):
    """New versions appear while clients work; each answer must be one model's or the other's."""
    bodies, expected = _requests(bench, 1)
    wrong = lost = answered = 0
    number = 1
    for which in (1, 0):
        number = bench.push(which)
        deadline = time.monotonic() + 300
        while True:
            found = serving_clients.run(bench.address, PATH, bodies, expected, clients, 4 * clients)
            wrong, lost = wrong + found["wrong"], lost + found["lost"]
            answered += len(found["latencies"])
            if serving_clients.version(bench.address, NAME) == number or time.monotonic() > deadline:
                break
    figures["requests answered while versions changed"] = answered
    figures["lost, while versions changed"], figures["wrong, while versions changed"] = lost, wrong
    figures["wrong version in the end"] = int(serving_clients.version(bench.address, NAME) != number)


def malformed(bench, count, figures):
    """Malformed requests, and what they leave behind."""
    rng, picture = random.Random(0), bench.pictures[0]
    codes = [
        serving_clients.send(bench.address, PATH, body) for body in serving_clients.malformed(rng, picture, count // 5)
    ]
    before = bench.memory()
    codes += [
        serving_clients.send(bench.address, PATH, body) for body in serving_clients.malformed(rng, picture, count)
    ]
    figures["malformed requests"] = len(codes)
    figures["malformed requests that were answered with 4xx"] = sum(
        code is not None and 400 <= code < 500 for code in codes
    )
    figures["malformed requests whose picture could be decoded"] = codes.count(200)
    figures["unhealthy: malformed requests with 5xx or no answer"] = sum(code is None or code >= 500 for code in codes)
    figures["MiB resident before the malformed requests"] = before
    figures["MiB resident after them"] = bench.memory()
    bodies, expected = _requests(bench, 1)
    found = serving_clients.run(bench.address, PATH, bodies, expected, 2, 8)
    figures["lost, after malformed requests"], figures["wrong, after malformed requests"] = (
        found["lost"],
        found["wrong"],
    )


if __name__ == "__main__":
    sys.exit(main())
