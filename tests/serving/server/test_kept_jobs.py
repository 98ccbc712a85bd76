"""Which jobs are kept: a bounded number of results, of bounded size, for a bounded time."""

import pytest

from serving.server.kept_jobs import KeptJobs
from serving.server.server_limits import ServerLimits
from serving.server.uploads import Upload
from serving.server.video_job import DONE, FAILED, RUNNING, VideoJob, VideoResult
from serving.server.video_options import VideoOptions


def job(state, ended=None, size=0):
    made = VideoJob(Upload("", "a.mp4", 1), VideoOptions())
    made.state, made.ended = state, ended
    if state == DONE:
        made.result = VideoResult(bytes(size))
    return made


@pytest.fixture
def kept():
    """kept(*jobs, **limits) -> `KeptJobs` with these."""

    def make(*jobs, **limits):
        kept = KeptJobs(ServerLimits(**limits))
        for one in jobs:
            kept.add(one)
        return kept

    return make


def test_a_job_is_found_by_its_id_until_it_is_removed(kept):
    one, other = job(RUNNING), job(RUNNING)
    jobs = kept(one, other)
    assert jobs.find(one.id) is one and jobs.find("none") is None and len(jobs) == 2
    jobs.remove(one)
    jobs.remove(one)
    assert one not in jobs and other in jobs


def test_the_oldest_results_go_first_and_what_is_not_over_stays(kept):
    running, old, new, newest = job(RUNNING), job(DONE, 1.0), job(DONE, 2.0), job(DONE, 3.0)
    jobs = kept(newest, old, running, new, keep_jobs=2)
    jobs.drop_surplus(now=4.0)
    assert [one in jobs for one in (running, old, new, newest)] == [True, False, True, True]
    assert set(jobs.done()) == {new, newest}


def test_results_are_bounded_in_size_except_the_newest(kept):
    old, new = job(DONE, 1.0, size=60), job(DONE, 2.0, size=60)
    jobs = kept(old, new, keep_bytes=100)
    jobs.drop_surplus(now=2.0)
    assert jobs.done() == [new]
    large = job(DONE, 3.0, size=1000)
    jobs.add(large)
    jobs.drop_surplus(now=3.0)
    assert jobs.done() == [large]


def test_failures_are_counted_apart(kept):
    done, *failed = job(DONE, 1.0), job(FAILED, 2.0), job(FAILED, 3.0)
    jobs = kept(done, *failed, keep_jobs=1)
    jobs.drop_surplus(now=3.0)
    assert [one in jobs for one in (done, *failed)] == [True, False, True]


def test_jobs_that_are_over_expire(kept):
    running, first, second = job(RUNNING), job(DONE, 10.0), job(FAILED, 12.0)
    jobs = kept(running, first, second, keep_seconds=5.0)
    assert jobs.next_expiry() == 15.0
    jobs.drop_surplus(now=15.5)
    assert jobs.next_expiry() == 17.0
    jobs.drop_surplus(now=100.0)
    assert jobs.next_expiry() is None and len(jobs) == 1 and running in jobs
