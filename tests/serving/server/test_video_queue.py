"""The queue of videos: its limits, threads, cancelled and late jobs, and kept results; the assessor is a stand-in."""

import asyncio
import contextlib
import json
import logging
import os
import threading
import time

import pytest

from serving.server.refusals import VideoRefusal
from serving.server.server_limits import ServerLimits
from serving.server.uploads import Upload
from serving.server.video_job import CANCELLED, DONE, FAILED, QUEUED, RUNNING, STAGES, Stopped, VideoJob, VideoResult
from serving.server.video_options import VideoOptions
from serving.server.video_queue import VideoQueue
from tests.fixtures.model_server import wait_until


class Assessor:
    """Does what the world says for a job: a function of (job, assessor), which may return pictures."""

    def __init__(self, work):
        self.work = work
        self.aborted, self.closed, self.thread = threading.Event(), False, None

    def assess(self, job):
        self.thread = threading.current_thread()
        self.aborted.clear()
        return VideoResult(b'{"verdict": "real"}', self.work[job](job, self) or {})

    def abort(self):
        self.aborted.set()

    def close(self):
        self.closed = True


class World:
    """A `VideoQueue`, its assessors, what they do for each job, and what was reported about the jobs' ends."""

    def __init__(self, folder, **limits):
        self.folder, self.work, self.assessors, self.ends = folder, {}, [], []
        self.jobs = VideoQueue(
            self._assessor, ServerLimits(**limits), lambda outcome, seconds: self.ends.append(outcome)
        )
        self.go, self.began = threading.Event(), threading.Semaphore(0)

    def _assessor(self):
        self.assessors.append(Assessor(self.work))
        return self.assessors[-1]

    def held(self, job, assessor):
        """Work that goes on until `go`, or until it is to stop."""
        self.began.release()
        while not self.go.wait(0.005):
            job.at("judging")

    def deaf(self, job, assessor):
        """Work that notices only that its decoding was ended, and says so as `FaceFinder` does."""
        self.began.release()
        assert assessor.aborted.wait(30)
        raise VideoRefusal(422, "decoder_crashed", "the decoder crashed (SIGKILL)")

    def job(self, work=lambda job, assessor: None, name="a.mp4"):
        path = self.folder / f"{len(list(self.folder.iterdir()))}"
        path.write_bytes(b"x")
        job = VideoJob(Upload(str(path), name, 1), VideoOptions())
        self.work[job] = work
        return job

    def submit(self, *arguments, **options):
        job = self.job(*arguments, **options)
        self.jobs.submit(job)
        return job

    def running(self, work=None):
        """A job whose work has begun."""
        job = self.submit(work or self.held)
        assert self.began.acquire(timeout=30)
        return job


@pytest.fixture
def world(tmp_path):
    """world(**limits) -> a `World` that works; ends with the test."""
    worlds = []

    def make(**limits):
        worlds.append(World(tmp_path, **limits))
        worlds[-1].jobs.start()
        return worlds[-1]

    yield make
    for one in worlds:
        one.go.set()
        one.jobs.stop()
        assert not any(thread.is_alive() for thread in one.jobs._threads)
        assert all(assessor.closed for assessor in one.assessors)


def over(job, jobs):
    """Wait for its end; returns its state."""
    asyncio.run(jobs.wait(job, 30))
    wait_until(lambda: job.is_over)  # a job that was cancelled ends when its thread notices
    return job.state


def test_jobs_are_done_in_their_order(world):
    world = world()
    first = world.running()
    rest = [world.submit(name=f"{k}.mp4") for k in range(3)]
    assert first.state == RUNNING and [job.state for job in rest] == [QUEUED] * 3
    assert [world.jobs.ahead(job) for job in (first, *rest)] == [0, 1, 2, 3]
    assert (world.jobs.waiting, world.jobs.running) == (3, 1)
    world.go.set()
    assert [over(job, world.jobs) for job in (first, *rest)] == [DONE] * 4
    assert first.ended <= rest[0].ended <= rest[1].ended <= rest[2].ended
    assert world.ends == [DONE] * 4 and (world.jobs.waiting, world.jobs.running) == (0, 0)
    assert list(world.folder.iterdir()) == [], "files are deleted once they are assessed"


def test_a_job_as_json(world):
    world = world()
    job = world.running()
    shown = json.loads(job.as_json(world.jobs.ahead(job)))
    assert set(shown) == {"id", "state", "stage", "progress", "ahead", "file", "created", "error", "view", "report"}
    assert shown["state"] == "running" and shown["view"] is None and shown["file"] == "a.mp4"
    assert shown["created"].endswith("+00:00") and shown["report"] == f"/v1/videos/{job.id}/report.html"
    world.go.set()
    over(job, world.jobs)
    shown = json.loads(job.as_json())
    assert (shown["state"], shown["stage"], shown["progress"]) == ("done", "done", 1.0)
    assert shown["view"] == {"verdict": "real"} and shown["error"] is None


def test_ids_cannot_be_guessed_and_are_not_logged(world):
    world = world()
    ids = {world.job().id for _ in range(50)}
    assert len(ids) == 50 and all(len(one) >= 22 for one in ids)
    job = world.job()
    assert job.id not in repr(job)


def test_progress_goes_through_the_stages_and_never_back():
    job = VideoJob(Upload("", "a", 1), VideoOptions())
    seen = []
    for stage, done, total in [
        ("finding faces", 0, 4),
        ("finding faces", 2, 4),
        ("finding faces", 4, 4),
        ("finding faces", 1, 4),
        ("judging", 0, 1),
        ("judging", 1, 2),
        ("drawing", 0, 0),
        ("drawing", 9, 3),
    ]:
        job.at(stage, done, total)
        seen.append(job.progress)
    assert seen == pytest.approx([0, 0.35, 0.7, 0.7, 0.7, 0.775, 0.85, 1.0])
    assert list(STAGES) == ["waiting", "finding faces", "judging", "drawing", "done"]


def test_a_full_queue_refuses_and_says_when_to_come_again(world):
    world = world(jobs=2)
    world.running()
    waiting = [world.submit(), world.submit()]
    with pytest.raises(VideoRefusal) as refused, world.jobs.place():
        pass
    assert (refused.value.code, refused.value.reason) == (429, "queue_full") and refused.value.retry_after >= 1
    world.jobs.cancel(waiting[0])
    with world.jobs.place():
        pass


def test_uploads_that_come_have_a_place(world):
    world = world(jobs=2)
    world.running()
    with world.jobs.place() as one, world.jobs.place() as other:
        one.came(1 << 20)
        other.came(1 << 20)
        with pytest.raises(VideoRefusal), world.jobs.place():
            pass
    with pytest.raises(RuntimeError), world.jobs.place() as place:
        place.came(1 << 20)
        raise RuntimeError("the upload broke off")
    with world.jobs.place(), world.jobs.place():
        pass


def test_uploads_that_hardly_come_keep_nobody_out(world):
    world = world(jobs=2)
    world.running()
    with contextlib.ExitStack() as stack:
        for place in [stack.enter_context(world.jobs.place()) for _ in range(9)]:
            place.came(1)
        world.submit()
        late = world.submit()
        with pytest.raises(VideoRefusal) as refused:
            world.submit()  # one that hardly came is complete, and finds no place any more
    assert (refused.value.code, refused.value.reason) == (429, "queue_full") and world.jobs.waiting == 2
    assert len(list(world.folder.iterdir())) == 3, "the files of those that run or wait"
    world.jobs.cancel(late)


def test_a_waiting_job_is_cancelled_at_once(world):
    world = world()
    running, waiting = world.running(), world.submit()
    world.jobs.cancel(waiting)
    assert waiting.state == CANCELLED and world.jobs.waiting == 0
    assert not any(path.name == waiting.upload.path.rsplit("/", 1)[-1] for path in world.folder.iterdir())
    assert json.loads(waiting.as_json())["state"] == "cancelled" and world.jobs.get(waiting.id) is waiting
    assert running.state == RUNNING


@pytest.mark.parametrize("how", ["held", "deaf"])
def test_a_running_job_is_cancelled_and_the_thread_goes_on(how, world):
    world = world()
    job = world.running(getattr(world, how))
    after = world.submit()
    world.jobs.cancel(job)
    assert json.loads(job.as_json())["state"] == "cancelled", "as the client sees it"
    assert over(job, world.jobs) == CANCELLED and job.error is None and job.result is None
    assert over(after, world.jobs) == DONE and len(world.assessors) == 1
    assert world.ends == [CANCELLED, DONE] and list(world.folder.iterdir()) == []


def test_an_abort_that_comes_too_early_is_repeated(world):
    world = world()
    may_clear = threading.Event()

    def late(job, assessor):
        world.began.release()
        assert may_clear.wait(30)
        assessor.aborted.clear()  # as where the decoding process starts after it was to be ended
        assert assessor.aborted.wait(30)
        raise VideoRefusal(422, "decoder_crashed", "")

    job = world.running(late)
    world.jobs.cancel(job)
    may_clear.set()
    assert over(job, world.jobs) == CANCELLED


@pytest.mark.parametrize("how", ["held", "deaf"])
def test_the_time_for_a_job_is_limited(how, world):
    world = world(video_timeout=0.2)
    job = world.running(getattr(world, how))
    assert over(job, world.jobs) == FAILED
    assert (job.error.code, job.error.reason) == (422, "time_limit") and "0.2 s" in str(job.error)
    assert over(world.submit(), world.jobs) == DONE


def test_time_in_the_queue_does_not_count(world):
    world = world(video_timeout=1.0)
    first = world.running(world.deaf)
    waiting = world.submit()
    assert over(first, world.jobs) == FAILED and over(waiting, world.jobs) == DONE


def test_a_refused_file_says_why(world):
    world = world()

    def refuse(job, assessor):
        raise VideoRefusal(415, "not_a_video", "it is none")

    job = world.submit(refuse)
    assert over(job, world.jobs) == FAILED and world.ends == [FAILED]
    assert json.loads(job.as_json())["error"] == {"error": "it is none", "reason": "not_a_video"}
    assert job.result is None


def test_an_unexpected_error_has_a_number_in_the_log_and_ends_no_thread(world, caplog):
    world = world()

    def fail(job, assessor):
        raise KeyError("/secret/path")

    with caplog.at_level(logging.ERROR):
        job = world.submit(fail)
        assert over(job, world.jobs) == FAILED
    assert (job.error.code, job.error.reason) == (500, "internal") and "secret" not in str(job.error)
    number = str(job.error).split()[-1]
    assert number in caplog.text and "KeyError" in caplog.text and job.id not in caplog.text
    assert over(world.submit(), world.jobs) == DONE and world.ends == ["error", DONE]
    assert len(world.assessors) == 1 and world.assessors[0].thread.is_alive()


def test_errors_that_stopping_a_job_causes_are_ignored(world, caplog):
    world = world()

    def die(job, assessor):
        world.began.release()
        assert assessor.aborted.wait(30)
        raise RuntimeError("the decoding process does not start")

    with caplog.at_level(logging.ERROR):
        job = world.running(die)
        world.jobs.cancel(job)
        assert over(job, world.jobs) == CANCELLED
    assert caplog.text == "" and world.ends == [CANCELLED]


def test_each_thread_has_its_own_assessor(world):
    world = world(workers=2)
    jobs = [world.running(), world.running()]
    assert world.jobs.running == 2 and len({assessor.thread for assessor in world.assessors}) == 2
    world.jobs.cancel(jobs[1])
    assert over(jobs[1], world.jobs) == CANCELLED and jobs[0].state == RUNNING


def results(world, count, size=0):
    done = [world.submit(lambda job, assessor: {"a": b"x" * size}) for _ in range(count)]
    for job in done:
        over(job, world.jobs)
    return [job in world.jobs._kept for job in done]


def test_so_many_results_are_kept(world):
    assert results(world(keep_jobs=2), 4) == [False, False, True, True]


def test_results_take_so_much_memory(world):
    assert results(world(keep_bytes=250), 4, size=80) == [False, False, True, True]


def test_the_newest_result_is_kept_whatever_it_takes(world):
    world = world(keep_bytes=10)
    assert results(world, 2, size=80) == [False, True]
    assert world.jobs.kept == 1 and world.jobs.kept_bytes == 80 + len(b'{"verdict": "real"}')


def test_failures_push_out_no_verdict(world):
    world = world(keep_jobs=2)
    done = world.submit()
    over(done, world.jobs)

    def refuse(job, assessor):
        raise VideoRefusal(415, "not_a_video", "")

    failed = [world.submit(refuse) for _ in range(4)]
    for job in failed:
        over(job, world.jobs)
    assert world.jobs.get(done.id) is done
    assert [job in world.jobs._kept for job in failed] == [False, False, True, True]


def test_results_are_kept_for_a_while_and_dropped_without_a_request(world, made):
    world = world(keep_seconds=0.2)
    job = world.submit()
    over(job, world.jobs)
    made.wait_until(lambda: not len(world.jobs._kept))
    with pytest.raises(VideoRefusal) as refused:
        world.jobs.get(job.id)
    assert refused.value.code == 404


def test_what_is_over_is_forgotten_on_request(world):
    world = world()
    job = world.submit()
    over(job, world.jobs)
    world.jobs.cancel(job)
    with pytest.raises(VideoRefusal, match="no such video"):
        world.jobs.get(job.id)


def test_waiting_for_a_job(world):
    world = world()
    job = world.running()

    async def wait():
        began = time.monotonic()
        await world.jobs.wait(job, 0.05)
        assert not job.is_over and time.monotonic() - began < 10 and job.when_over == []
        waiting = [asyncio.create_task(world.jobs.wait(job, 30)) for _ in range(3)]
        waiting[0].cancel()
        await asyncio.sleep(0)
        world.go.set()
        await asyncio.gather(*waiting[1:])
        assert job.is_over and job.when_over == []
        await world.jobs.wait(job, 30)

    asyncio.run(wait())


def test_nobody_waits_for_a_cancelled_job_to_notice(world):
    world = world()

    def busy(job, assessor):
        world.began.release()
        world.go.wait(30)

    job = world.running(busy)

    async def wait():
        waiting = asyncio.create_task(world.jobs.wait(job, 30))
        await asyncio.sleep(0.05)
        world.jobs.close()
        await asyncio.wait_for(waiting, 5)
        assert job.stop == CANCELLED and not job.is_over
        await asyncio.wait_for(world.jobs.wait(job, 30), 5)

    asyncio.run(wait())
    late = world.job()
    with pytest.raises(VideoRefusal, match="the server is stopping"):
        world.jobs.submit(late)
    assert not os.path.exists(late.upload.path)
    world.go.set()


def test_a_job_that_is_told_to_stop_raises_at_its_next_step():
    job = VideoJob(Upload("", "a", 1), VideoOptions())
    job.stop = CANCELLED
    with pytest.raises(Stopped):
        job.at("drawing")


def test_the_end_of_the_server_ends_what_runs_and_what_waits(tmp_path):
    world = World(tmp_path)
    world.jobs.start()
    running, waiting = world.running(world.deaf), world.submit()
    world.jobs.stop()
    assert (running.state, waiting.state) == (CANCELLED, CANCELLED) and list(tmp_path.iterdir()) == []
    assert not any(thread.is_alive() for thread in world.jobs._threads) and world.assessors[0].closed


def test_times_of_jobs_tell_when_to_come_again(world):
    world = world(jobs=1)
    world.jobs._usual_seconds = 30.0
    world.running()
    world.submit()
    with pytest.raises(VideoRefusal) as refused, world.jobs.place():
        pass
    assert refused.value.retry_after == pytest.approx(60)


def test_a_job_has_a_view_only_when_it_is_done():
    """The worker thread sets the result before the state."""
    job = VideoJob(Upload("", "a", 1), VideoOptions())
    job.state, job.result = RUNNING, VideoResult(b'{"verdict": "early"}')
    assert json.loads(job.as_json())["view"] is None
    job.state = DONE
    assert json.loads(job.as_json())["view"] == {"verdict": "early"}
