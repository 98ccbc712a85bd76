"""The detector computes the same bits on any number of threads, and leaves the process its own threads."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from faces.one_thread import OneThread

ROOT = Path(__file__).parents[2]
PROGRAM = """
import hashlib, json, sys
import faces
import numpy as np
import tensorflow as tf
from skimage.data import astronaut
from faces import area_pyramid, fast_mtcnn

threads = int(sys.argv[1])
tf.config.threading.set_intra_op_parallelism_threads(threads)
tf.config.threading.set_inter_op_parallelism_threads(threads)
tf.linalg.matmul(tf.ones([600, 600]), tf.ones([600, 600]))  # as in a process that trains
frames = np.stack([astronaut(), astronaut()[:, ::-1]])
told, pyramids = {}, {area_pyramid.create_level, area_pyramid.tensorflow_level}
for create_level in pyramids:
    fast_mtcnn.create_level = create_level
    rows = fast_mtcnn.FastMtcnn().detect(frames)
    assert len(rows) == 2
    told[create_level.__name__] = hashlib.sha256(rows.tobytes()).hexdigest()
with open("/proc/self/status") as stream:
    running = next(int(line.split()[1]) for line in stream if line.startswith("Threads:"))
print(json.dumps({"told": told, "running": running}))
"""


@pytest.mark.slow
def test_the_same_bits_on_any_number_of_threads():
    """Without `TF_OVERRIDE_GLOBAL_THREADPOOL` the session would take part in the process's threads, and they differ."""
    found = {}
    environment = os.environ | {"PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    for threads in (1, 2, 3, 9):
        line = [sys.executable, "-c", PROGRAM, str(threads)]
        done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=300, check=True)
        found[threads] = json.loads(done.stdout)
    assert len({json.dumps(found[threads]["told"], sort_keys=True) for threads in found}) == 1, found
    assert found[9]["running"] >= found[1]["running"] + 8  # the process has the threads that it asked for


def test_a_compiled_function_takes_and_returns_arrays():
    one_thread = OneThread()
    double = one_thread.compile(lambda x: [2 * x, tf.shape(x)], tf.TensorSpec([None, 2], tf.float32))
    for rows in (0, 3):
        twice, shape = double(np.ones((rows, 2), np.float32))
        assert np.array_equal(twice, np.full((rows, 2), 2)) and shape.tolist() == [rows, 2]
    total = one_thread.compile(lambda x, y: [x + y], *[tf.TensorSpec([], tf.int32)] * 2)
    assert total(np.int32(2), np.int32(3)) == [5]
