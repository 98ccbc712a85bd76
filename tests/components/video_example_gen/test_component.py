import json
import os

import pytest
from pydantic import ValidationError

from artifacts.errors import InputError
from artifacts.manifest import SPLITS, read_manifest
from components.base import Context, main
from components.video_example_gen.component import COMPONENT, VideoExampleGenParameters, sources, still_holds


def _parameters(*datasets, **fields):
    return VideoExampleGenParameters.model_validate({"datasets": list(datasets), **fields})


def _folder(root, name="my", **fields):
    return {"type": "folder", "name": name, "root": str(root), **fields}


def _run(out, *datasets, **fields):
    out.mkdir(exist_ok=True)
    counts = COMPONENT.execute(Context({}, {"videos": str(out)}, _parameters(*datasets, **fields)))
    videos = {v.video_id: v for split in SPLITS for v in read_manifest(str(out), split)}
    return counts, videos, json.loads((out / "report.json").read_text())


@pytest.fixture
def root(touch):
    return touch(*(f"data/{label}/{i}.mp4" for label in ("real", "fake") for i in range(10))) / "data"


def test_writes_manifests_with_splits_and_digests(root, tmp_path):
    counts, videos, report = _run(tmp_path / "out", _folder(root))
    assert counts == {"train": 16, "val": 2, "test": 2, "missing": 0} and len(videos) == 20
    assert len({v.digest for v in videos.values()}) == 20
    mine = report["datasets"]["my"]
    assert mine["videos"]["val"] == {"fake": 1, "real": 1} and mine["type"] == "folder" and mine["root"] == str(root)
    assert report["notes"] == []


def test_runs_twice_to_the_same_bytes(root, tmp_path):
    for out in ("a", "b"):
        _run(tmp_path / out, _folder(root), seed=3)
    for name in ("report.json", *(f"Split-{split}/videos.jsonl" for split in SPLITS)):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_fractions_and_seed_count(root, tmp_path):
    _, all_train, _ = _run(tmp_path / "a", _folder(root), split_fractions={"train": 1, "val": 0, "test": 0})
    assert {v.split for v in all_train.values()} == {"train"}
    first, other = (_run(tmp_path / f"s{seed}", _folder(root), seed=seed)[1] for seed in (0, 1))
    assert {i: v.split for i, v in first.items()} != {i: v.split for i, v in other.items()}


def test_several_data_sets(root, tmp_path, touch):
    touch("second/real/a.mp4", "second/fake/b.mp4", "second/c.mp4")
    _, videos, report = _run(tmp_path / "out", _folder(root), _folder(tmp_path / "second", "two"))
    assert list(report["datasets"]) == ["my", "two"] and report["datasets"]["two"]["unlisted"] == ["c.mp4"]
    assert {v.dataset for v in videos.values()} == {"my", "two"}


def test_people_of_the_given_test_split_are_left_out_of_train(touch, tmp_path):
    root = touch("a.mp4", "b.mp4", "c.mp4")
    (root / "train.csv").write_text("path,label,original\na.mp4,fake,x\nc.mp4,real,c\n")
    (root / "test.csv").write_text("path,label,original\nb.mp4,fake,x\n")
    _, videos, report = _run(tmp_path / "out", _folder(root, csv={"train": "train.csv", "test": "test.csv"}))
    assert set(videos) == {"my/fake/b", "my/real/c"}
    assert report["datasets"]["my"]["left_out"] == {"my/fake/a": "its people are in test"}


def test_people_that_given_splits_share_are_reported(touch, tmp_path):
    root = touch("a.mp4", "b.mp4", "c.mp4")
    rows = "a.mp4,real,train,p\nb.mp4,fake,test,p\nc.mp4,fake,val,q\n"
    (root / "list.csv").write_text(f"path,label,split,identities\n{rows}")
    _, videos, report = _run(tmp_path / "out", _folder(root, csv="list.csv"))
    assert videos["my/real/a"].split == "train"
    assert report["datasets"]["my"]["shared_identities"] == [["train", "test"]]
    assert "train and test share 1 person" in report["datasets"]["my"]["notes"][0]


def test_celeb_df_trains_on_people_of_its_test_list(touch, tmp_path):
    root = touch("Celeb-real/id0_0000.mp4", "Celeb-real/id0_0001.mp4", "Celeb-synthesis/id0_id1_0000.mp4")
    (root / "List_of_testing_videos.txt").write_text("1 Celeb-real/id0_0000.mp4")
    celeb = {"type": "celeb_df", "name": "c", "root": str(root)}
    _, videos, report = _run(tmp_path / "out", celeb)
    assert videos["c/real/id0_0000"].split == "test" and videos["c/real/id0_0001"].split == "train"
    assert report["datasets"]["c"]["shared_identities"] == [["train", "test"], ["val", "test"]]
    assert report["datasets"]["c"]["left_out"] == {}


def test_notes_tell_of_classes_that_are_absent_and_of_files_that_are_twice(touch, tmp_path):
    root = touch("train/real/a.mp4", "val/fake/b.mp4", "test/real/c.mp4")
    (root / "test/real/c.mp4").write_bytes((root / "train/real/a.mp4").read_bytes())
    notes = _run(tmp_path / "out", _folder(root))[2]["notes"]
    assert "train has no fake video" in notes and "val has no real video" in notes and len(notes) == 4
    assert "same content, such as my/real/train/real/a and my/real/test/real/c" in notes[-1]


def test_missing_videos(root, tmp_path, capsys):
    (root / "list.csv").write_text("path,label\nreal/0.mp4,real\n" + "".join(f"{i}.mp4,fake\n" for i in range(5)))
    counts, _, report = _run(tmp_path / "out", _folder(root, csv="list.csv"))
    assert counts["missing"] == 5 and len(report["datasets"]["my"]["missing"]) == 5
    out = capsys.readouterr().out
    assert (
        "missing: 5, such as my/fake/0, my/fake/1, my/fake/2, ...\n" in out
        and "unlisted: 19, such as fake/0.mp4" in out
    )
    with pytest.raises(InputError, match=r'^datasets.0 \(my\): .*5 videos missing.*"allow_missing"'):
        _run(tmp_path / "out", _folder(root, csv="list.csv"), allow_missing=False)


def test_crops_are_called_crops(touch, tmp_path, capsys):
    root = touch("a.jpg", "b.jpg", "c.jpg")
    (root / "list.csv").write_text("path,label,split\na.jpg,real,train\nb.jpg,fake,train\nc.jpg,fake,val\n")
    _run(tmp_path / "out", {"type": "crops", "name": "c", "root": str(root), "csv": "list.csv"})
    told = capsys.readouterr().out
    assert "c (crops): 3 crops in " in told and "note: nothing is given as test: a share of train" in told


def test_errors_name_the_data_set(root, tmp_path):
    wrong = {"type": "faceforensics", "name": "ff", "root": str(root)}
    with pytest.raises(InputError, match=r'^datasets.1 \(ff\): root: .*set "type": "folder"'):
        _run(tmp_path / "out", _folder(root), wrong)


def test_parameters_that_cannot_be():
    with pytest.raises(ValidationError, match='0 and 2 are both called "a"'):
        _parameters(_folder("x", "a"), _folder("y", "b"), _folder("z", "a"))
    with pytest.raises(ValidationError, match="train \\+ val \\+ test is 1.1; it must be 1"):
        _parameters(_folder("x"), split_fractions={"train": 0.9})
    with pytest.raises(ValidationError, match="at least 1 item"):
        _parameters()


def test_sources_see_every_file(root):
    (root.parent / "list.csv").write_text("path,label\n")
    parameters = _parameters(_folder(root), _folder(root, "two", csv="../list.csv"))
    seen = [sources(parameters), sources(parameters)]
    assert seen[0] == seen[1]
    (root / "real" / "new.mp4").touch()
    seen.append(sources(parameters))
    os.utime(root / "real" / "0.mp4", ns=(1, 1))
    seen.append(sources(parameters))
    (root / "real" / "0.mp4").write_text("longer than it was")
    os.utime(root / "real" / "0.mp4", ns=(1, 1))
    seen.append(sources(parameters))
    (root / "real" / "0.mp4").rename(root / "real" / "moved.mp4")
    seen.append(sources(parameters))
    (root.parent / "list.csv").write_text("path,label\nreal/1.mp4,real\n")
    seen.append(sources(parameters))
    assert len(set(seen[1:])) == 6


def test_sources_of_what_is_not_there_yet(tmp_path):
    parameters = _parameters(
        {"type": "sample", "name": "s", "root": str(tmp_path / "sample")}, _folder(tmp_path / "absent")
    )
    before = sources(parameters)
    (tmp_path / "sample").mkdir()
    (tmp_path / "sample" / "made.mp4").touch()
    assert sources(parameters) == before, "the sample is made by the execution that asks"


def test_still_holds(root, tmp_path):
    _run(tmp_path / "out", _folder(root))
    assert still_holds({"videos": str(tmp_path / "out")}) is None
    (root / "fake" / "3.mp4").unlink()
    assert still_holds({"videos": str(tmp_path / "out")}) == f"{root}/fake/3.mp4 is gone"


def test_command_line(root, tmp_path, capsys):
    datasets = json.dumps([_folder(root)])
    assert main(COMPONENT, ["--videos", str(tmp_path / "out"), "--datasets", datasets]) == 0
    assert "train: 16" in capsys.readouterr().out
    assert main(COMPONENT, ["--videos", str(tmp_path / "out"), "--datasets", json.dumps([_folder(root / "no")])]) == 2
    assert "error: datasets.0 (my): root:" in capsys.readouterr().err
