"""Workers of a Beam pool: another working folder than the launcher's, and a standard output that nobody reads."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from artifacts.manifest import Video, write_manifest

pytestmark = pytest.mark.slow  # workers and launchers in processes of their own
ROOT = Path(__file__).parents[2]
SHOUT = """
import sys
from components.beam import beam, pipeline_options
from tests.fixtures.pool import shout
with beam.Pipeline(options=pipeline_options(sys.argv[2:])) as pipeline:
    _ = pipeline | beam.Create([sys.argv[1]]) | beam.Map(shout)
"""


@pytest.fixture
def pool(tmp_path):
    """Beam's arguments for a pool that was started in another folder."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = [sys.executable, "-m", "apache_beam.runners.worker.worker_pool_main", f"--service_port={port}"]
    with open(tmp_path / "pool.log", "wb") as log:
        process = subprocess.Popen(
            command, cwd=elsewhere, env={**os.environ, "PYTHONPATH": str(ROOT), "PATH": path}, stdout=log, stderr=log
        )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with socket.socket() as attempt:
            if attempt.connect_ex(("localhost", port)) == 0:
                break
        time.sleep(0.1)
    place = ["--environment_type=EXTERNAL", f"--environment_config=localhost:{port}"]
    yield ["--runner=PortableRunner", "--job_endpoint=embed", *place]
    process.terminate()
    process.wait(30)


@pytest.fixture
def videos(tmp_path):
    """A `videos` artifact of five crops, with relative paths; its name, relative to `tmp_path`."""
    made = []
    for number, split in enumerate(("train", "train", "train", "val", "test")):
        noise = np.random.default_rng(number).integers(0, 255, (256, 256, 3), dtype=np.uint8)
        cv2.imwrite(str(tmp_path / f"{number}.png"), noise)
        label = number % 2
        identity = f"d/{'fake' if label else 'real'}/{number}"
        made.append(Video(identity, f"{number}.png", "d", identity.split("/")[1], label, split, kind="crop"))
    write_manifest(str(tmp_path / "videos"), made)
    return "videos"


def _run(folder, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=240
    )


def test_workers_in_another_folder_that_print_a_lot(pool, tmp_path, videos):
    printed = _run(tmp_path, "-c", SHOUT, str(tmp_path / "printed"), *pool)
    assert (tmp_path / "printed").read_text() == "printed", printed.stderr

    done = _run(
        tmp_path, "-m", "components.face_example_gen", f"--videos={videos}", "--examples=E", "--rejects=R",
        "--frames=1", "--shards=1", *pool,
    )  # fmt: skip
    assert done.returncode == 0 and "faces: 5\n" in done.stdout, done.stderr
    told = json.loads((tmp_path / "E" / "manifest.json").read_text())
    assert sum(row["examples"] for row in told["files"]) == 5
    counted = _run(
        tmp_path, "-m", "components.statistics_gen", f"--videos={videos}", "--examples=E", "--rejects=R",
        "--statistics=S", *pool,
    )  # fmt: skip
    assert counted.returncode == 0 and "faces: 5\n" in counted.stdout, counted.stderr
    assert os.listdir(tmp_path / "S") == ["statistics.json"] and os.listdir(tmp_path / "elsewhere") == []
