"""From videos to face examples: CPU time beside OpenCV with the mtcnn package, and beside other face detectors.

    python -m benchmarks.extraction
    python -m benchmarks.extraction --videos FOLDER                    # real clips instead of two filmed photographs
    pip install torch==2.13.0 && pip install --no-deps facenet-pytorch   # to compare with it (needs torchvision)

Measured are detection alone, the way from decoding to TFRecords, and two workers beside one. Each library has one
thread, except in the workers, which run the component as it is. All take turns on the same frames. A ratio is the
peer's time divided by ours: above 1, ours is faster.
"""

import contextlib
import dataclasses
import functools
import glob
import multiprocessing
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import av
import cv2
import numpy as np

from benchmarks import common

if TYPE_CHECKING:  # TensorFlow and MTCNN are imported in processes of their own
    from artifacts.manifest import Video
    from faces.extraction import FaceExtractor

WORKERS_VIDEOS, WORKERS_SHARDS = 24, 8
OPENCV, OURS, REGIONS = "OpenCV + mtcnn package", "ours", "ours, detect_every=8"


Found = tuple[dict[str, float], dict[str, Any]]  # ratios and figures for the JSON file


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    parser = common.parser("extraction", __doc__)
    parser.add_argument(
        "--videos", nargs="+", metavar="PATH", help="folders of *.mp4, or files, instead of clips made here"
    )
    parser.add_argument("--yunet", metavar="FILE", help="model file of OpenCV's YuNet, to compare with it as well")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured (default: %(default)s)")
    options = parser.parse_args(arguments)
    rounds, count = (1, 8) if options.quick else (options.rounds, 32)
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        # One for each, or they would share one peak of memory; with --quick one for all, to start TensorFlow once.
        names = ("detection", *CONTENDERS)
        processes = {name: stack.enter_context(_process()) for name in names[: 1 if options.quick else None]}
        processes = {name: processes.get(name, processes["detection"]) for name in names}
        if options.videos:
            paths = _find(options.videos)
        elif options.quick:
            paths = [make_clip(os.path.join(folder, "clip.mp4"), 0, 24, 320, 240)]
        else:
            paths = [make_clip(os.path.join(folder, f"clip{k}.mp4"), k, 300, 1280, 720) for k in range(4)]
        print(f"{len(paths)} clips, {count} frames each, {rounds} rounds", flush=True)
        figures: dict[str, Any] = {"clips": len(paths)}
        how = paths, count, rounds, not options.quick, options.yunet
        ratios, figures["detection"] = processes.pop("detection").submit(measure_detection, *how).result()
        more, figures["end to end"] = measure_end_to_end(processes, paths, count, rounds, folder)
        ratios |= more
        if not options.quick:
            more, figures["workers"] = measure_workers(paths, count, rounds, folder)
            ratios |= more
    for name, ratio in ratios.items():
        print(f"{name:28} {ratio:.3f}")
    common.write_json(options.json, ratios, figures)
    return 0


def _find(given: Sequence[str]) -> list[str]:
    paths: list[str] = []
    for path in given:
        found = glob.glob(os.path.join(glob.escape(path), "**", "*.mp4"), recursive=True)
        paths += sorted(found) if os.path.isdir(path) else [path]
    if not paths or not all(map(os.path.exists, paths)):
        raise SystemExit(f"error: {' '.join(given)}: no video there")
    return paths


def make_clip(path: str, number: int, frames: int, width: int, height: int) -> str:
    """Write a clip of a photograph that moves in front of a moving, noisy background; return its path."""
    from components.video_example_gen.sample_clips import people

    person, rng = people()[number % 2], np.random.default_rng(number)
    zoom = (0.09 + 0.05 * (number // 2)) * width / person.width
    photo = cv2.resize(person.photo, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA)[: int(0.8 * height)]
    coarse = rng.integers(40, 216, (height // 20, width // 10, 3), np.uint8)
    background = cv2.resize(coarse, (2 * width, height), interpolation=cv2.INTER_CUBIC)
    noise = rng.integers(-6, 7, (height, 2 * width, 3), np.int16)
    room = np.array([width - photo.shape[1], height - photo.shape[0]])
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": "23", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for k in range(frames):
            x, y = (room * (0.5 + 0.4 * np.sin([0.021 * k + number, 0.034 * k]))).astype(int)
            image = background[:, 2 * k : 2 * k + width].copy()
            image[y : y + photo.shape[0], x : x + photo.shape[1]] = photo
            start = rng.integers(0, width)
            image = (image + noise[:, start : start + width]).clip(0, 255).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode())
    return path


def measure_detection(paths: Sequence[str], count: int, rounds: int, peers: bool, yunet: str | None) -> Found:
    """See `benchmarks.detection.compare`, which imports TensorFlow."""
    from benchmarks import detection

    return detection.compare(paths, count, rounds, peers, yunet)


# --- decode to TFRecord -----------------------------------------------------------------------------------------------
class Measured(NamedTuple):
    """What one contender needed for all clips.

    Attributes:
        cpu: seconds of this process and of those that it started.
        wall: seconds.
        faces: that were found.
        mib: peak memory.
        reader_mib: peak memory of the process that decodes; 0 if there is none.
    """

    cpu: float
    wall: float
    faces: int
    mib: float
    reader_mib: float


def measure_end_to_end(
    processes: Mapping[str, ProcessPoolExecutor], paths: Sequence[str], count: int, rounds: int, folder: str
) -> Found:
    """Measure CPU and wall time from decoding to TFRecords."""

    def measure(name: str, paths: Sequence[str]) -> Measured:
        write, *more = CONTENDERS[name]
        return processes[name].submit(_measured, write, paths, count, folder, *more).result()

    smallest = min(paths, key=os.path.getsize)
    for name in CONTENDERS:  # loads and compiles what is done once
        measure(name, [smallest])
    results: dict[str, list[Measured]] = {name: [] for name in CONTENDERS}
    for _ in range(rounds):
        for name, rows in results.items():
            rows.append(measure(name, paths))
    figures = {}
    for name, rows in results.items():
        cpu = statistics.median(row.cpu for row in rows) / len(paths)
        wall = statistics.median(row.wall for row in rows) / len(paths)
        faces, memory, reader = rows[-1].faces, max(row.mib for row in rows), max(row.reader_mib for row in rows)
        figures[name] = {"cpu": cpu, "wall": wall, "faces": faces, "mib": memory, "reader_mib": reader}
        print(
            f"decode to TFRecord, {name:25} {cpu:6.2f} CPU-s and {wall:6.2f} s a clip, {faces} faces; "
            + f"peak {memory:.0f} MiB"
            + (f" and {reader:.0f} MiB in the process that decodes" if reader else "")
        )
    times = {name: [row.cpu for row in rows] for name, rows in results.items()}
    ratios = {
        "end_to_end": common.median_ratio(times, OPENCV, OURS),
        "end_to_end_regions": common.median_ratio(times, OPENCV, REGIONS),
    }
    return ratios, figures


def _plain(paths: Sequence[str], count: int, path: str) -> tuple[int, float]:
    """Extract with OpenCV and the mtcnn package: decode every frame, take the largest face of the chosen ones.

    Args:
        paths: videos.
        count: frames of each.
        path: of the TFRecord file.

    Returns:
        The number of faces, and the peak memory of the process that decodes, MiB; 0 as there is none.
    """
    import tensorflow as tf

    from artifacts.face_examples import FaceExample
    from faces.alignment import align
    from faces.detector import LANDMARKS

    detector, faces = _mtcnn(), 0
    with tf.io.TFRecordWriter(path) as writer:
        for video in paths:
            capture = cv2.VideoCapture(video)
            total = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
            wanted = {int((k + 0.5) * total / count) for k in range(count)}
            for index in range(max(wanted) + 1):
                if not capture.grab():
                    break
                if index not in wanted:
                    continue
                image = cv2.cvtColor(capture.retrieve()[1], cv2.COLOR_BGR2RGB)
                found = detector.detect_faces(image)
                if found:
                    face = max(found, key=lambda face: face["box"][2] * face["box"][3])
                    points = np.array([face["keypoints"][name] for name in LANDMARKS], float)
                    crop = cv2.cvtColor(align(image, points), cv2.COLOR_RGB2BGR)
                    encoded = cv2.imencode(".png", crop)[1].tobytes()
                    about = encoded, "png", 0, "clips", "real", video, index, 0.0, face["box"], points
                    writer.write(FaceExample(*about, face["confidence"]).serialize())
                    faces += 1
            capture.release()
    return faces, 0.0


@functools.cache
def _mtcnn() -> Any:
    from mtcnn import MTCNN

    return MTCNN()


def _ours(paths: Sequence[str], count: int, path: str, detect_every: int) -> tuple[int, float]:
    """Extract as the component does; arguments and results are those of `_plain`."""
    import tensorflow as tf

    faces, memory, extractor = 0, 0.0, _extractor(count, detect_every)
    with tf.io.TFRecordWriter(path) as writer, extractor:
        for extraction in extractor.extract_all(_manifest(paths)):
            for example in extraction.examples:
                writer.write(example.serialize())
            faces += len(extraction.examples)
            with open(f"/proc/self/task/{os.getpid()}/children") as stream:
                memory = max([memory, *map(_peak, stream.read().split())])
    return faces, memory


@functools.cache
def _extractor(count: int, detect_every: int) -> "FaceExtractor":
    from faces.extraction import FaceExtractor
    from faces.settings import ExtractionSettings

    return FaceExtractor(ExtractionSettings(frames=count, detect_every=detect_every))


CONTENDERS: dict[str, tuple[Any, ...]] = {OPENCV: (_plain,), OURS: (_ours, 1), REGIONS: (_ours, 8)}


def _manifest(paths: Sequence[str]) -> list["Video"]:
    from artifacts.manifest import Video

    absolute = map(os.path.abspath, paths)
    return [Video(f"clips/real/{k}", path, "clips", "real", 0, "train") for k, path in enumerate(absolute)]


def _measured(
    write: Callable[..., tuple[int, float]], paths: Sequence[str], count: int, folder: str, *more: int
) -> Measured:
    """Measure one contender in this process."""
    before, began = _cpu(), time.perf_counter()
    faces, reader = write(paths, count, os.path.join(folder, f"{os.getpid()}.tfrecord"), *more)
    return Measured(_cpu() - before, time.perf_counter() - began, faces, _peak("self"), reader)


def _cpu() -> float:
    """Return the CPU seconds of this process and of those that it has started and that have ended."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _peak(process: str) -> float:
    """Return a process's peak resident memory, MiB; getrusage would count what its parent had at its start."""
    with open(f"/proc/{process}/status") as stream:
        return next((int(line.split()[1]) / 1024 for line in stream if line.startswith("VmHWM:")), 0.0)


def _process() -> ProcessPoolExecutor:
    """Start a process with one thread for each library."""
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _one_thread)


def _one_thread() -> None:
    from commands.quiet import import_tensorflow

    tf = import_tensorflow()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    cv2.setNumThreads(1)


# --- workers ----------------------------------------------------------------------------------------------------------
def measure_workers(paths: Sequence[str], count: int, rounds: int, folder: str) -> Found:
    """Measure the wall time of the component's command line with one worker and with two."""
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < 2:
        print("one core only: no comparison of one worker with two")
        return {}, {}
    contenders = {
        "one worker on one core": (1, cores[:1]),
        "two workers on two cores": (2, cores),
        "one worker on two cores": (1, cores),
    }
    videos = _manifest((list(paths) * WORKERS_VIDEOS)[:WORKERS_VIDEOS])
    picture = os.path.join(folder, "picture.png")
    cv2.imwrite(picture, np.zeros((64, 64, 3), np.uint8))
    nothing = [dataclasses.replace(videos[0], uri=picture, kind="image")]
    times: dict[str, list[float]] = {name: [] for name in contenders}
    starts: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, how in contenders.items():
            starts[name].append(_run_component(nothing, count, *how))
            times[name].append(_run_component(videos, count, *how))
    figures = {
        name: {"wall": statistics.median(times[name]), "start": statistics.median(starts[name])} for name in contenders
    }
    for name, found in figures.items():
        print(f"{name:25} {found['wall']:6.1f} s for {len(videos)} videos; {found['start']:.1f} s for one tiny picture")
    one, two, unpinned = contenders
    work = {name: [a - b for a, b in zip(times[name], starts[name], strict=True)] for name in contenders}
    ratios = {
        "two_workers": common.median_ratio(times, one, two),
        "two_workers_unpinned": common.median_ratio(times, unpinned, two),
        "two_workers_without_start": common.median_ratio(work, one, two),
    }
    return ratios, {"videos": len(videos), **figures}


def _run_component(videos: Sequence["Video"], count: int, workers: int, cores: Sequence[int]) -> float:
    """Run the component in a process of its own on these cores, and return the seconds it takes."""
    from artifacts.manifest import write_manifest

    with tempfile.TemporaryDirectory() as folder:
        write_manifest(os.path.join(folder, "videos"), videos)
        folders = [f"--{key}={os.path.join(folder, key)}" for key in ("videos", "examples", "rejects")]
        command = [sys.executable, "-m", "components.face_example_gen", *folders, "--runner=FnApiRunner"]
        command += [f"--frames={count}", f"--shards={WORKERS_SHARDS}"]
        if workers > 1:
            command += ["--direct_running_mode=multi_processing", f"--direct_num_workers={workers}"]
        began = time.perf_counter()
        done = subprocess.run(
            command, capture_output=True, text=True, preexec_fn=functools.partial(os.sched_setaffinity, 0, cores)
        )
        if done.returncode:
            raise SystemExit(f"error: {' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
        return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
