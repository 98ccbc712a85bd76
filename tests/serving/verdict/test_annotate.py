"""Drawn copies: every frame of a film at its own time, pictures, and what goes wrong."""

import os
import subprocess
import weakref
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.stream import Disposition
from PIL import Image

from artifacts.errors import InputError
from faces.decoder import MAX_PIXELS, NO_LIMITS, OPENING, DecodeError
from serving.verdict import annotate_process
from serving.verdict.annotate import Annotator, comment_of
from serving.verdict.assessor import Assessor
from serving.verdict.drawing_plan import plan_of
from serving.verdict.own_outputs import MARK
from serving.verdict.scores import ScoringModel
from serving.verdict.verdict_options import VerdictOptions
from tests.fixtures.sounding_film import write_film

# Put first on the path of a child: each call that draws a side of a box takes its time, and one never ends.
SLOW_FRAMES = """
import ctypes, os
import cv2

drawn, calls = cv2.rectangle, 0

def rectangle(*arguments):
    global calls
    calls += 1
    # holds the interpreter's lock: no handler in Python would ever run
    ctypes.PyDLL(None).usleep(600_000_000 if calls == int(os.environ["HANG_AT"]) else 25_000)
    return drawn(*arguments)

cv2.rectangle = rectangle
"""


@pytest.fixture
def judged(halves, made):
    """judged(path) -> its `Verdict`."""
    model = ScoringModel.of_served(made.Brightness())
    with Assessor(VerdictOptions(frames=6)) as assessor:
        yield lambda path: next(assessor.assess_all([str(path)], model)).verdict


class Mark:
    """A painter that only notes when it was asked."""

    def __init__(self):
        self.asked = []

    def paint(self, image, seconds):
        self.asked.append((image.shape, seconds))


def film(source, target, painter=None):
    seen = []
    annotate_process.draw_video(
        str(source), str(target), painter or Mark(), MARK, NO_LIMITS, lambda *of: seen.append(of)
    )
    return seen


def redness(part):
    """By how much red is stronger than blue: orange is a fake's colour, blue that of a real face."""
    return float(np.mean(part[..., 0].astype(int) - part[..., 2]))


def test_a_film_from_its_verdict_to_its_copy(judged, films, tmp_path):
    verdict, seen = judged(films["fake"]), []
    target = str(tmp_path / "out.mp4")
    assert Annotator(target, [films["fake"]]).draw(verdict, films["fake"], lambda *of: seen.append(of)) == target
    with av.open(target) as file:
        stream = file.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height, stream.frames, stream.average_rate) == (192, 96, 20, 25)
        frames = [(frame.time, frame.to_ndarray(format="rgb24")) for frame in file.decode(stream)]
    assert [time for time, _ in frames] == pytest.approx([0.04 * k for k in range(20)], abs=1e-4)
    for _, image in frames:  # the left face is fake, the right one real, on all frames
        assert redness(image[40:60, 9:12]) > 50 and redness(image[40:60, 105:108]) < -50
        assert image[45, 40] == pytest.approx([220] * 3, abs=8)  # in the middle of the face nothing is changed
    assert seen[-1] == ("drawing", 20, 20) and os.listdir(tmp_path) == ["out.mp4"]


@pytest.mark.parametrize("rotation, size", [(90, (64, 96)), (180, (96, 64)), (0, (96, 64))])
def test_it_stands_as_a_player_shows_it(rotation, size, made, tmp_path):
    image = np.zeros((64, 96, 3), np.uint8)
    image[:20, :20] = 255  # a white corner
    source = made.write_clip(tmp_path / "a.mp4", [image] * 5, rotation=rotation)
    film(source, tmp_path / "b.mp4")
    (_, shown), *_ = made.read_clip(tmp_path / "b.mp4")
    assert shown.shape[1::-1] == size
    corners = [shown[:10, :10], shown[-10:, :10], shown[-10:, -10:], shown[:10, -10:]]  # counter-clockwise
    assert np.argmax([corner.mean() for corner in corners]) == rotation // 90


def test_its_pixels_are_square_and_its_film_is_the_default_one(tmp_path):
    source = str(tmp_path / "a.mp4")
    with av.open(source, "w") as file:
        streams = [file.add_stream("libx264", rate=25) for _ in range(2)]
        for stream, is_default in zip(streams, (False, True), strict=True):
            stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
            stream.codec_context.sample_aspect_ratio = stream.sample_aspect_ratio = Fraction(2)
            stream.disposition = Disposition.default if is_default else Disposition(0)
        for stream, grey in zip(streams, (20, 220), strict=True):
            image = av.VideoFrame.from_ndarray(np.full((64, 96, 3), grey, np.uint8), format="rgb24")
            file.mux(stream.encode(image))
            file.mux(stream.encode())
    mark = Mark()
    film(source, tmp_path / "b.mp4", mark)
    assert mark.asked == [((64, 192, 3), 0.0)]
    with av.open(str(tmp_path / "b.mp4")) as file:
        stream = file.streams.video[0]
        assert (stream.width, stream.height) == (192, 64) and stream.sample_aspect_ratio in (None, 1)
        assert next(file.decode(stream)).to_ndarray(format="rgb24").mean() == pytest.approx(220, abs=4)


@pytest.mark.parametrize("kind", ["webp", "png", "avif"])
def test_an_animation_is_drawn_as_a_film(kind, tmp_path):
    images = [Image.fromarray(np.full((64, 96, 3), grey, np.uint8)) for grey in (20, 120, 220)]
    source = str(tmp_path / f"a.{kind}")
    images[0].save(source, save_all=True, append_images=images[1:], duration=[100, 300, 200])
    film(source, tmp_path / "b.mp4")
    with av.open(str(tmp_path / "b.mp4")) as file:
        assert file.streams.video[0].average_rate == pytest.approx(5, abs=2.5)
        frames = [(frame.time, frame.to_ndarray(format="rgb24").mean()) for frame in file.decode(video=0)]
    assert [time for time, _ in frames] == pytest.approx([0, 0.1, 0.4], abs=1e-3)
    assert [grey for _, grey in frames] == pytest.approx([20, 120, 220], abs=5)


def test_odd_sizes_get_a_row_and_a_column_more(made, tmp_path):
    gradient = np.broadcast_to(np.arange(0, 255, dtype=np.uint8)[:75, None, None], (75, 101, 3)).copy()
    path = str(tmp_path / "a.mkv")
    with av.open(path, "w") as file:
        stream = file.add_stream("ffv1", rate=25)
        stream.height, stream.width, stream.pix_fmt = 75, 101, "bgr0"
        for _ in range(4):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(gradient, format="rgb24")))
        file.mux(stream.encode())
    film(path, tmp_path / "b.mp4")
    _, image = made.read_clip(tmp_path / "b.mp4")[-1]
    assert image.shape == (76, 102, 3) and image[:75, :101] == pytest.approx(gradient, abs=4)


def test_each_frame_keeps_its_time_at_a_rate_that_varies(made, tmp_path):
    times = [0, 40, 45, 200, 1000, 1033, 3000]
    source = made.write_clip(tmp_path / "a.mp4", [made.picture(30 * k, 100) for k in range(7)], times)
    mark = Mark()
    assert film(source, tmp_path / "b.mp4", mark)[-1] == (7, 7)
    expected = [time / 1000 for time in times]
    assert [seconds for _, seconds in mark.asked] == pytest.approx(expected, abs=1e-3)
    read = made.read_clip(tmp_path / "b.mp4")
    assert [time for time, _ in read] == pytest.approx(expected, abs=1e-3)
    assert [image[48, 40, 0] for _, image in read] == pytest.approx([30 * k for k in range(7)], abs=6)


@pytest.mark.parametrize("colours", [1, 5, 2])
def test_colours_stay_what_they_are(colours, made, tmp_path):
    """BT.709, BT.601 and what nobody tells: what is decoded of the copy is what is decoded of the original."""
    source = str(tmp_path / "a.mp4")
    image = np.zeros((64, 96, 3), np.uint8)
    image[:, :32], image[:, 32:64], image[:, 64:] = (220, 40, 30), (30, 200, 60), (40, 60, 210)
    with av.open(source, "w") as file:
        stream = file.add_stream("libx264", rate=25, options={"crf": "5"})
        stream.height, stream.width, stream.pix_fmt = 64, 96, "yuv420p"
        stream.codec_context.colorspace = colours
        for _ in range(4):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            file.mux(stream.encode(frame.reformat(format="yuv420p", dst_colorspace=colours if colours != 2 else None)))
        file.mux(stream.encode())
    film(source, tmp_path / "b.mp4")
    (_, before), *_ = made.read_clip(source)
    (_, after), *_ = made.read_clip(tmp_path / "b.mp4")
    for x in (16, 48, 80):
        assert after[32, x] == pytest.approx(before[32, x], abs=8)


def test_memory_does_not_grow_with_the_length(made, tmp_path):
    """Frames are asked for one at a time: before the second one is decoded the first is on its way."""
    source = made.write_clip(tmp_path / "a.mp4", [made.picture(k, k) for k in range(60)])
    held, most = [], 0

    class Hold(Mark):
        def paint(self, image, seconds):
            nonlocal most
            held.append(weakref.ref(image))
            most = max(most, sum(ref() is not None for ref in held))

    film(source, tmp_path / "b.mp4", Hold())
    assert len(held) == 60 and most <= 3


def test_frames_that_change_their_size_are_fitted(tmp_path, made):
    source = str(tmp_path / "a.mkv")
    with av.open(source, "w") as file:
        stream = file.add_stream("mjpeg", rate=25, options={"strict": "unofficial"})
        stream.height, stream.width, stream.pix_fmt = 64, 96, "yuvj420p"
        for number, size in enumerate([(64, 96), (32, 48), (64, 96)]):
            packet = av.Packet(cv2.imencode(".jpg", np.full((*size, 3), 100 + 50 * number, np.uint8))[1].tobytes())
            packet.pts = packet.dts = number
            packet.stream, packet.time_base, packet.is_keyframe = stream, Fraction(1, 25), True
            file.mux(packet)
    film(source, tmp_path / "b.mp4")
    assert [image.shape for _, image in made.read_clip(tmp_path / "b.mp4")] == [(64, 96, 3)] * 3


def test_a_damaged_film_is_drawn_as_far_as_it_goes(made, tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (40, 64, 96, 3), np.uint8)
    whole = Path(made.write_clip(tmp_path / "a.mkv", list(noise)))
    (tmp_path / "cut.mkv").write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    film(tmp_path / "cut.mkv", tmp_path / "b.mp4")
    assert 5 < len(made.read_clip(tmp_path / "b.mp4")) < 40


def test_it_opens_what_the_decoder_opens_and_nothing_else(tmp_path, films, monkeypatch):
    (tmp_path / "list.m3u8").write_text(f"#EXTM3U\n#EXTINF:1,\n{films['fake']}\n#EXT-X-ENDLIST\n")
    with pytest.raises(DecodeError):
        film(tmp_path / "list.m3u8", tmp_path / "b.mp4")
    opened, real = [], av.open
    monkeypatch.setattr(
        av, "open", lambda path, *more, **options: opened.append(options) or real(path, *more, **options)
    )
    film(films["fake"], tmp_path / "b.mp4")
    read = [options for options in opened if options.get("options") == OPENING]
    assert len(opened) - len(read) == 1  # but the one that is written


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp"])
def test_pictures(name, judged, made, tmp_path):
    source = made.write_picture(tmp_path / "in.png", 210, 0)
    target = str(tmp_path / name)
    Annotator(target, [source]).draw(judged(source), source)
    image = cv2.imread(target, cv2.IMREAD_COLOR_RGB)
    assert image.shape == (96, 192, 3) and redness(image[40:60, 9:12]) > 50
    assert image[45, 40] == pytest.approx([210] * 3, abs=4)


@pytest.mark.slow
def test_several_files_go_into_a_folder_under_their_names(judged, films, made, tmp_path):
    (tmp_path / "x").mkdir()
    paths = [
        films["fake"],
        made.write_picture(tmp_path / "x" / "fake.jpg", 200, 0),
        made.write_picture(tmp_path / "fake.jpg", 9, 200),
    ]
    annotator = Annotator(str(tmp_path / "out" / "deep"), paths)
    targets = [annotator.draw(judged(path), path) for path in paths]
    names = ["fake-marked.mp4", "fake-marked.jpg", "fake-marked-2.jpg"]
    assert [os.path.basename(target) for target in targets] == names
    assert sorted(os.listdir(tmp_path / "out" / "deep")) == sorted(names)


def test_a_file_that_cannot_be_opened_has_no_copy(judged, tmp_path):
    (tmp_path / "a.mp4").write_text("no film")
    path = str(tmp_path / "a.mp4")
    assert Annotator(str(tmp_path / "b.mp4"), [path]).draw(judged(path), path) is None
    assert os.listdir(tmp_path) == ["a.mp4"]


@pytest.mark.parametrize(
    "target, sources, words",
    [
        ("a.txt", ["x.mp4"], "give a name that ends in .mp4"),
        ("absent/a.mp4", ["x.mp4"], "absent/a.mp4: cannot be written"),
        ("file", ["x.mp4", "y.mp4"], "is a file; for several files give a folder"),
    ],
)
def test_what_cannot_be_is_said_before_the_work(target, sources, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=words):
        Annotator(target, sources)


def test_no_original_is_written_over(judged, films, tmp_path):
    source = tmp_path / "fake.mp4"
    source.write_bytes(before := Path(films["fake"]).read_bytes())
    verdict = judged(source)
    with pytest.raises(InputError, match=r"fake\.mp4: is an input"):
        Annotator(str(source), [str(source)]).draw(verdict, str(source))
    marked = tmp_path / "fake-marked.mp4"  # somebody's file that is called like a copy
    marked.write_bytes(before)
    with pytest.raises(InputError, match=r"fake-marked\.mp4: is an input"):
        Annotator(str(tmp_path), [str(source), str(marked)]).draw(verdict, str(source))
    assert marked.read_bytes() == before
    assert source.read_bytes() == before


def test_no_other_file_is_written_over_and_an_earlier_copy_is(judged, films, made, tmp_path):
    """For each format: what is drawn is recognised, what was there before is not."""
    picture = made.write_picture(tmp_path / "in.png", 210, 0)
    for name in ("a.mp4", "a.mkv", "a.mov", "a.png", "a.jpg", "a.webp"):
        source = films["fake"] if name.endswith(("4", "v")) else picture
        target = tmp_path / name
        target.write_bytes(Path(source).read_bytes())
        annotator = Annotator(str(target), [source])
        with pytest.raises(InputError, match="exists, and this command did not make it"):
            annotator.draw(judged(source), source)
        assert target.read_bytes() == Path(source).read_bytes()
        Annotator(str(target), [source], overwrite=True).draw(judged(source), source)
        made_at = target.stat().st_ino
        assert annotator.draw(judged(source), source) == str(target) and target.stat().st_ino != made_at


def test_a_picture_is_no_film(judged, films, tmp_path):
    annotator = Annotator(str(tmp_path / "a.png"), [films["fake"]])
    with pytest.raises(InputError, match=r"is a video; give a name with \.mp4"):
        annotator.draw(judged(films["fake"]), films["fake"])


def test_a_full_disk_and_a_crash_are_named_and_leave_nothing(judged, films, tmp_path, monkeypatch):
    target = str(tmp_path / "a.mp4")
    verdict, annotator = judged(films["fake"]), Annotator(target, [films["fake"]])
    real = subprocess.Popen

    def with_small_files(command, **options):
        return real(["/bin/sh", "-c", 'ulimit -f 1; exec "$@"', "sh", *command], **options)

    monkeypatch.setattr(subprocess, "Popen", with_small_files)
    with pytest.raises(InputError, match=r"a\.mp4: could not be drawn from .*fake\.mp4 \("):
        annotator.draw(verdict, films["fake"])
    monkeypatch.setattr(subprocess, "Popen", lambda command, **options: real(["/bin/false"], **options))
    with pytest.raises(InputError, match="ended with code 1"):
        annotator.draw(verdict, films["fake"])
    assert os.listdir(tmp_path) == []


@pytest.mark.slow
def test_a_hang_ends_at_its_limit_which_each_frame_starts_anew(judged, films, tmp_path, monkeypatch):
    """Its 20 frames, of four rectangles each, take 2 s in all."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(SLOW_FRAMES)
    verdict, target = judged(films["fake"]), str(tmp_path / "a.mp4")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    annotator, seen = Annotator(target, [films["fake"]], time_limit=1.5), []
    monkeypatch.setenv("HANG_AT", "50")
    with pytest.raises(InputError) as raised:
        annotator.draw(verdict, films["fake"], lambda *of: seen.append(of))
    assert str(raised.value) == (
        f"{target}: could not be drawn from {films['fake']} "
        "(no further frame within 1.5 s; --decode_time_limit allows more)"
    )
    assert 0 < seen[-1][1] <= 12 and os.listdir(tmp_path) == ["site"]
    monkeypatch.setenv("HANG_AT", "0")
    annotator.draw(verdict, films["fake"], lambda *of: seen.append(of))
    assert seen[-1] == ("drawing", 20, 20)


def test_the_copy_has_the_sound_and_what_crashes_that_costs_the_sound_alone(judged, tmp_path, monkeypatch):
    source, target, notes = write_film(tmp_path / "a.avi", "pcm_s16le"), str(tmp_path / "b.mp4"), []
    verdict, annotator = judged(source), Annotator(target, [source])
    annotator.draw(verdict, source, note=notes.append)
    with av.open(target) as file:
        assert (file.streams.audio[0].codec_context.name, file.streams.video[0].frames, notes) == ("aac", 50, [])
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text("import av, os\nav.AudioResampler = lambda **_: os._exit(7)\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    assert annotator.draw(verdict, source, note=notes.append) == target
    with av.open(target) as file:
        assert not file.streams.audio and file.streams.video[0].frames == 50
    (note,) = notes
    assert note.startswith(f"{target}: its sound is left out:") and "code 7" in note
    assert sorted(os.listdir(tmp_path)) == ["a.avi", "b.mp4", "site"]


def test_a_stray_line_of_a_library_is_passed_over(judged, films, tmp_path, monkeypatch):
    verdict, annotator = judged(films["fake"]), Annotator(str(tmp_path / "a.mp4"), [films["fake"]])
    real, stray = subprocess.Popen, "echo '[h264] a word'; echo 3; printf '\\377\\n'; "

    def saying(script):
        return lambda command, **options: real(["/bin/sh", "-c", stray + script, "sh", *command], **options)

    monkeypatch.setattr(subprocess, "Popen", saying('exec "$@"'))
    annotator.draw(verdict, films["fake"])
    assert os.listdir(tmp_path) == ["a.mp4"]
    told = 'echo "{\\"failed\\": \\"$OPENCV_IO_MAX_IMAGE_PIXELS $OPENCV_LOG_LEVEL\\"}"'
    monkeypatch.setattr(subprocess, "Popen", saying(told))
    with pytest.raises(InputError, match=rf"\({MAX_PIXELS} ERROR\)"):
        annotator.draw(verdict, films["fake"])


def test_the_plan_names_faces_as_the_table_does(judged, films):
    plan = plan_of(judged(films["fake"]))
    assert [track["label"] for track in plan["tracks"]] == [
        "face 1: likely fake, 99.7 %",
        "face 2: likely real, fake 0.4 %",
    ]
    assert plan["step"] == pytest.approx(0.8 / 6) and len(plan["tracks"][0]["times"]) == 6
    assert [len(text) for text in plan["captions"]] == sorted((len(t) for t in plan["captions"]), reverse=True)


def test_the_plan_tells_doubtful_faces_apart(made):
    rows = [(0, k, -2.0) for k in range(10)] + [(1, k, -2.0) for k in (0, 20)]
    plan = plan_of(made.verdict_of(*made.found_of(rows), VerdictOptions()))
    first, doubtful = plan["tracks"]
    assert (first["doubtful"], doubtful["doubtful"], doubtful["verdict"]) == (False, True, "cannot_judge")
    assert doubtful["label"] == "doubtful 2: too few frames" and doubtful["short_labels"] == ["doubtful 2", "2?"]
    assert plan["captions"][0].endswith("; 1 doubtful face not counted")
    suspect = made.verdict_of(
        *made.found_of([row if row[0] == 0 else (*row[:2], 2.0) for row in rows]), VerdictOptions()
    )
    plan = plan_of(suspect)
    assert plan["tracks"][1]["label"] == "doubtful 2: fake 88 %" and plan["tracks"][1]["doubtful"]
    assert plan["captions"][0] == "Unsure: only a doubtful face looks fake, 88.1 %"


def test_a_copy_tells_who_judged_what_and_when(judged, films):
    verdict = judged(films["fake"])
    long, short, least = plan_of(verdict)["origins"]
    digest, day = verdict.model["digest"], verdict.judged_at[:10]
    assert digest in long and day in long and "UTC" in long and day in short and len(least) < len(short) < len(long)
    comment = comment_of(verdict)
    assert comment.startswith("Made by deepfake-predict") and verdict.judged_at in comment and digest in comment
