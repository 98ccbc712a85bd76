"""The query string of an upload."""

import pytest
from starlette.datastructures import QueryParams

from serving.server.refusals import VideoRefusal
from serving.server.server_limits import ServerLimits
from serving.server.video_options import VideoOptions, parse_query
from serving.verdict.verdict_options import VerdictOptions


def parse(query, **limits):
    return parse_query(QueryParams(query), ServerLimits(**limits))


def test_without_options_there_are_the_defaults_and_the_servers_time_limit():
    expected = VideoOptions(VerdictOptions(decode_time_limit=7.0), kind="auto", pictures=True, wait=0.0, cancel=False)
    assert parse("", video_timeout=7.0) == parse("name=a.mp4", video_timeout=7.0) == expected


def test_all_options_are_read():
    options = parse("frames=5&threshold=0.7&faces=main&kind=crop&pictures=0&wait=2.5&cancel=TRUE")
    assert (options.verdict.frames, options.verdict.threshold, options.verdict.faces) == (5, 0.7, "main")
    assert (options.kind, options.pictures, options.wait, options.cancel) == ("crop", False, 2.5, True)


def test_the_default_number_of_frames_is_within_the_limit():
    assert parse("", max_frames=8).verdict.frames == 8
    assert parse("frames=8", max_frames=8).verdict.frames == 8


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("frames=0", "frames: must be greater than 0"),
        ("frames=65", "frames: must be at most 64"),
        ("frames=a", "frames: must be a whole number"),
        ("frames=1e3", "frames: must be a whole number"),
        ("threshold=1", "threshold: must be less than 1"),
        ("threshold=nan", "threshold: must be "),
        ("faces=some", "faces: must be 'main' or 'all'"),
        ("min_face_size=21", "min_face_size: "),
        ("video_rule=x", "video_rule: must be "),
        ("wait=61", "wait: must be a number of seconds from 0 to 60"),
        ("wait=-1", "wait: must be"),
        ("wait=nan", "wait: must be"),
        ("wait=x", "wait: must be"),
        ("kind=audio", "kind: must be one of auto, video, image, crop"),
        ("pictures=maybe", "pictures: must be true or false"),
        ("cancel=2", "cancel: must be true or false"),
        ("frame=3", "frame: is not an option; the options are wait, kind, "),
        ("frames=3&frames=4", "frames: is given twice"),
        ("decode_time_limit=9", "decode_time_limit: is not an option"),
        ("%00%0a=1", ": is not an option"),
        ("least_face=9", "least_face: is now called min_face"),
    ],
)
def test_wrong_options_are_refused(query, message):
    with pytest.raises(VideoRefusal) as refused:
        parse(query)
    assert (refused.value.code, refused.value.reason) == (400, "bad_option")
    assert refused.value.message.startswith(message)
