import itertools
import json
import os

import av
import cv2
import numpy as np
import pytest

from artifacts.errors import InputError
from components.video_example_gen import sample, sample_clips

pytestmark = pytest.mark.slow
CLIPS = 6


@pytest.fixture(scope="module", autouse=True)
def short_clips():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sample_clips, "FRAMES", 8)
        yield


@pytest.fixture(scope="module")
def root(short_clips, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample") / "made"
    sample.make_sample(folder, clips=CLIPS, seed=3)
    return folder


def contents(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def decode(path):
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)])


def test_videos_are_those_that_the_split_files_name(root):
    pairs = [
        pair for split in ("train", "val", "test") for pair in json.loads((root / f"splits/{split}.json").read_text())
    ]
    ids = list(itertools.chain(*pairs))
    assert sorted(ids) == [f"{number:03}" for number in range(CLIPS)]
    expected = {f"original_sequences/youtube/c23/videos/{name}.mp4" for name in ids}
    for method in ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures"):
        for a, b in pairs:
            expected |= {f"manipulated_sequences/{method}/c23/videos/{name}.mp4" for name in (f"{a}_{b}", f"{b}_{a}")}
    assert {name for name in contents(root) if name.endswith(".mp4")} == expected


@pytest.mark.parametrize(("clips", "sizes"), [(6, (1, 1, 1)), (10, (3, 1, 1)), (30, (9, 3, 3)), (100, (30, 10, 10))])
def test_splits_share_no_clip_and_pair_the_two_people(clips, sizes):
    shares = sample.splits(clips, seed=0)
    assert tuple(len(shares[split]) for split in ("train", "val", "test")) == sizes
    pairs = list(itertools.chain(*shares.values()))
    assert len(set(itertools.chain(*pairs))) == clips
    assert all(int(a) % 2 == 0 and int(b) % 2 == 1 for a, b in pairs)


def test_videos_have_the_promised_format(root):
    for path in root.rglob("*.mp4"):
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            assert (stream.codec_context.name, stream.pix_fmt, stream.average_rate) == (
                "h264",
                "yuv420p",
                sample_clips.RATE,
            )
        assert decode(path).shape == (sample_clips.FRAMES, sample_clips.SIZE, sample_clips.SIZE, 3)


def test_the_same_seed_gives_the_same_bytes(root, tmp_path):
    sample.make_sample(tmp_path / "again", clips=CLIPS, seed=3)
    assert contents(root) == contents(tmp_path / "again")


def test_another_seed_gives_other_clips_and_pairs():
    (_, one), (_, other) = (next(sample._videos([["000", "001"]], seed)) for seed in (3, 4))
    assert np.abs(one.astype(int) - other).mean() > 10
    assert sample.splits(30, 3) != sample.splits(30, 4)


def test_clips_differ_clearly(root):
    clips = [decode(path).astype(float) for path in sorted(root.glob("original_sequences/youtube/c23/videos/*.mp4"))]
    for one, other in itertools.combinations(clips, 2):
        assert np.abs(one - other).mean() > 10


def face(clip, frame, margin):
    """A boolean mask of the face in a frame, widened by `margin` pixels, drawn without the code's own masks."""
    camera, mask = clip.cameras[frame], np.zeros((sample_clips.SIZE, sample_clips.SIZE), np.uint8)
    corners = np.array([camera[:, :2] @ point + camera[:, 2] for point in clip.person.outline])
    cv2.fillPoly(mask, [corners.round().astype(np.int32)], 1)
    return cv2.dilate(mask, np.ones((2 * margin + 1, 2 * margin + 1))) > 0


@pytest.mark.parametrize("method", sample_clips.MANIPULATIONS)
def test_fakes_differ_from_their_originals_inside_the_face_only(root, method):
    for path in root.glob(f"manipulated_sequences/{method}/c23/videos/*.mp4"):
        target = int(path.stem[:3])
        original = decode(root / f"original_sequences/youtube/c23/videos/{target:03}.mp4").astype(np.float32)
        clip = sample_clips.film(sample_clips.people()[target % 2], np.random.default_rng([3, target]))
        change = np.abs(decode(path) - original)
        inside = np.stack([face(clip, frame, margin=6) for frame in range(sample_clips.FRAMES)])
        # Outside is not zero: the codec rounds the same noise otherwise when the face is another.
        assert change[~inside].mean() < 3
        assert change[inside].mean() > (6 if sample_clips.MANIPULATIONS[method].swap else 1.5) * change[~inside].mean()


@pytest.mark.parametrize("method", sample_clips.MANIPULATIONS)
@pytest.mark.parametrize("turn", [1, -1])
def test_forging_leaves_the_surroundings_alone_in_every_frame(method, turn):
    clips = [
        sample_clips.film(person, np.random.default_rng(number)) for number, person in enumerate(sample_clips.people())
    ]
    target, source = clips[::turn]
    forged = sample_clips.forge(sample_clips.MANIPULATIONS[method], target, source, np.random.default_rng(2))
    assert forged.shape == target.frames.shape and forged.dtype == np.uint8
    for frame, difference in enumerate(forged.astype(int) - target.frames):
        assert np.abs(difference[~face(target, frame, margin=24)]).max() <= 1
        assert np.abs(difference[face(target, frame, margin=0)]).mean() > 2


def test_a_sample_that_is_there_is_left_alone(root, monkeypatch):
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    monkeypatch.setattr(sample, "_write", lambda *_: pytest.fail("made again"))
    sample.make_sample(root, clips=CLIPS, seed=3)
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, OSError])
def test_an_interrupted_generation_leaves_nothing(tmp_path, monkeypatch, interruption):
    encode, written = sample._encode, []

    def interrupted(path, frames):
        if len(written) == 3:
            raise interruption
        encode(path, frames)
        written.append(path)

    monkeypatch.setattr(sample, "_encode", interrupted)
    with pytest.raises(interruption):
        sample.make_sample(tmp_path / "sample", clips=CLIPS)
    assert len(written) == 3
    assert not list(tmp_path.iterdir())


def test_an_empty_folder_is_used_and_missing_parents_are_made(tmp_path, monkeypatch):
    monkeypatch.setattr(sample, "_write", lambda root, clips, seed: root.mkdir())
    empty = tmp_path / "empty"
    empty.mkdir()
    for folder in (empty, tmp_path / "not" / "yet" / "there"):
        sample.make_sample(folder, clips=CLIPS)
        assert os.listdir(folder) == ["sample.json"]


def test_another_process_may_win_the_race(tmp_path, monkeypatch):
    folder = tmp_path / "sample"

    def meanwhile(root, clips, seed):
        root.mkdir()
        monkeypatch.setattr(sample, "_write", lambda made, *_: made.mkdir())
        sample.make_sample(folder, clips, seed)

    monkeypatch.setattr(sample, "_write", meanwhile)
    sample.make_sample(folder, clips=CLIPS)
    assert os.listdir(tmp_path) == ["sample"]


def test_foreign_folders_are_refused_and_kept(root, tmp_path):
    foreign = tmp_path / "holiday"
    foreign.mkdir()
    (foreign / "film.mp4").write_bytes(b"dear to me")
    with pytest.raises(InputError, match="holiday: exists and is not an embedded sample; choose another folder"):
        sample.make_sample(foreign, clips=CLIPS)
    (foreign / "sample.json").write_text("[]")
    with pytest.raises(InputError, match="holiday: exists"):
        sample.make_sample(foreign, clips=CLIPS)
    with pytest.raises(InputError, match=r"film\.mp4: exists"):
        sample.make_sample(foreign / "film.mp4", clips=CLIPS)
    with pytest.raises(InputError, match=r"film\.mp4/below: cannot be created"):
        sample.make_sample(foreign / "film.mp4" / "below", clips=CLIPS)
    assert (foreign / "film.mp4").read_bytes() == b"dear to me"
    with pytest.raises(InputError, match=r"another embedded sample \(clips 6, not 8, seed 3, not 0\)"):
        sample.make_sample(root, clips=8)


@pytest.mark.parametrize(
    ("clips", "seed", "named"), [(7, 0, "clips is 7"), (4, 0, "clips is 4"), (6, -1, "seed is -1")]
)
def test_numbers_out_of_range_are_refused(tmp_path, clips, seed, named):
    with pytest.raises(InputError, match=named):
        sample.make_sample(tmp_path / "sample", clips=clips, seed=seed)


def test_command(root, tmp_path, capsys):
    assert sample.main(["--out", str(root), "--clips", str(CLIPS), "--seed", "3"]) == 0
    printed = capsys.readouterr().out
    assert str(root) in printed and "two photographs" in printed and "nothing about real fakes" in printed
    assert sample.main(["--out", str(tmp_path / "sample"), "--clips", "5"]) == 2
    assert "error: clips is 5" in capsys.readouterr().err
