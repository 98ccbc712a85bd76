"""The whole way over partial copies of three real data sets at once. `shared_data.json` is the config."""

import csv
import json
from pathlib import Path

import pytest

DATA = Path(__file__).parents[2].parent / "shared" / "data"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DATA.is_dir(), reason="needs the real files of ../shared/data"),
]

FACEFORENSICS_THERE = {"ff/real/004", "ff/real/519", "ff/df/519_515", "ff/nt/004_982"}


def _reduced_table(name, path, per_class):
    """Write the first rows of each class of a CSV; return their pictures."""
    with open(DATA / "dfdc_faces" / name) as stream:
        rows = list(csv.DictReader(stream))
    chosen = [row for label in ("real", "fake") for row in [r for r in rows if r["label"] == label][:per_class]]
    with open(path, "w") as stream:
        writer = csv.DictWriter(stream, chosen[0])
        writer.writeheader()
        writer.writerows(chosen)
    return {row["path"] for row in chosen}


def _named_by_faceforensics():
    """All ids that the official splits name: both people of a pair, and the fakes of it in both directions."""
    named = set()
    for split in ("train", "val", "test"):
        for a, b in json.loads((DATA / "faceforensics" / "splits" / f"{split}.json").read_text()):
            named |= {f"ff/real/{a}", f"ff/real/{b}"}
            named |= {f"ff/{method}/{pair}" for method in ("df", "ff", "fs", "nt") for pair in (f"{a}_{b}", f"{b}_{a}")}
    assert len(named) == 1000 + 4 * 1000
    return named


def _named_by_dfdc():
    """{video id: whether it is there} of every metadata.json."""
    there = {}
    for path in (DATA / "dfdc").glob("*/metadata.json"):
        for name, entry in json.loads(path.read_text()).items():
            there[f"dfdc/{entry['label'].lower()}/{Path(name).stem}"] = (path.parent / name).exists()
    assert len(there) == 7
    return there


def test_three_partial_data_sets_in_one_run(tmp_path, execute, faults_of_report):
    faces = _reduced_table("train.csv", tmp_path / "train.csv", 24) | _reduced_table(
        "val.csv", tmp_path / "test.csv", 12
    )
    text = (Path(__file__).parent / "shared_data.json").read_text()
    (tmp_path / "config.json").write_text(text.replace("{data}", str(DATA)).replace("{work}", str(tmp_path)))
    done = execute("pipeline.run", "--config", tmp_path / "config.json")
    assert done.returncode == 3, done.all  # its model is not pushed
    root = tmp_path / "root"

    statistics = json.loads((root / "StatisticsGen" / "statistics" / "3" / "statistics.json").read_text())
    sources = statistics["sources"]
    assert set(sources["ff"]["missing"]) == _named_by_faceforensics() - FACEFORENSICS_THERE
    dfdc = _named_by_dfdc()
    assert set(sources["dfdc"]["missing"]) == {name for name, there in dfdc.items() if not there}
    assert sources["faces"]["missing"] == []
    for name in ("ff", "dfdc", "faces"):
        assert len(sources[name]["missing"]) == len(set(sources[name]["missing"]))

    assert sources["ff"]["unlisted"] == [] and sources["dfdc"]["unlisted"] == ["unlisted/anndvqgoko.mp4"]
    pictures = {str(p.relative_to(DATA / "dfdc_faces")) for p in (DATA / "dfdc_faces").rglob("*.jpg")}
    assert set(sources["faces"]["unlisted"]) == pictures - faces
    warned = (root / "ExampleValidator" / "anomalies" / "4" / "anomalies.json").read_text()
    for words in ("4,996 videos named by its lists and missing", "1 file in its folders and not used"):
        assert words in warned
    assert (
        "missing: 4,996, such as ff/real/" in done.stdout
        and "unlisted: 1, such as unlisted/anndvqgoko.mp4" in done.stdout
    )

    videos = {}
    for split in ("train", "val", "test"):
        manifest = root / "VideoExampleGen" / "videos" / "1" / f"Split-{split}" / "videos.jsonl"
        videos |= {row["video_id"]: row for row in map(json.loads, manifest.read_text().splitlines())}
    by_dataset = {name: {i for i, row in videos.items() if row["dataset"] == name} for name in sources}
    assert by_dataset["ff"] == FACEFORENSICS_THERE and len(by_dataset["faces"]) == len(faces)
    assert by_dataset["dfdc"] == {name for name, there in dfdc.items() if there}
    splits = DATA / "faceforensics" / "splits"
    official = {
        split: {name for pair in json.loads((splits / f"{split}.json").read_text()) for name in pair}
        for split in ("train", "val", "test")
    }  # fmt: skip
    for row in (videos[name] for name in FACEFORENSICS_THERE):
        assert row["video_id"].split("/")[-1].split("_")[0] in official[row["split"]]
    listed = sum(group["videos"] for group in statistics["groups"])
    frames = {g["dataset"]: 4 for g in statistics["groups"]} | {"faces": 1}
    assert listed == len(videos)
    for group in statistics["groups"]:
        assert group["frames"] <= group["videos"] * frames[group["dataset"]] and group["videos_with_face"] >= 1, group

    assert faults_of_report(root / "Evaluator" / "evaluation" / "6" / "report.html") == []
    metrics = json.loads((root / "Evaluator" / "evaluation" / "6" / "metrics.json").read_text())
    tested = {row["dataset"] for row in videos.values() if row["split"] == "test"}
    for level in ("frame", "video"):
        assert metrics[level]["datasets"].keys() == tested == {"dfdc", "faces"}
        only_fakes = metrics[level]["datasets"]["dfdc"]
        for group in (only_fakes, only_fakes["methods"]["fake"]):
            auc = group["logit"]["auc"]
            assert auc["value"] is None and auc["reason"] == "only fake examples" and group["real"] == 0
        both = metrics[level]["datasets"]["faces"]
        assert 0 <= both["logit"]["auc"]["value"] <= 1 and both["logit"]["auc"]["reason"] is None
        assert (both["real"], both["fake"]) == (12, 12)
    assert "none" in next(line for line in done.stdout.splitlines() if line.startswith("dfdc           all"))

    pushed = json.loads((root / "Pusher" / "pushed_model" / "8" / "pushed.json").read_text())
    assert not pushed["pushed"] and "faces frame AUC" in pushed["reasons"][0]
    assert not (tmp_path / "serving").exists()
