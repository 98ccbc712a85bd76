"""Each check fires on statistics with one thing wrong, and on clean ones none does."""

import pytest

from components.example_validator.checks import find_anomalies
from tests.fixtures.statistics import change, group


def _only(statistics, schema):
    """The one anomaly of the statistics."""
    (anomaly,) = find_anomalies(statistics, schema)
    assert anomaly.cure
    return anomaly


def test_clean_statistics_have_no_anomaly(clean, schema):
    assert find_anomalies(clean, schema) == []


GROUP_ERRORS = {
    "mean pixel too low": ({"mean_pixel": 0.4}, "the mean pixel is 0.4, outside 20.0 to 235.0"),
    "mean pixel too high": ({"mean_pixel": 250.0}, "the mean pixel is 250.0"),
    "flat": ({"flat_crops": 3}, "3 crops of one single colour"),
    "size": ({"sizes": {"256x256": 310, "224x224": 6}}, "6 crops of 224x224, not 256x256"),
    "format": ({"formats": {"jpeg": 316}}, "316 crops stored as 'jpeg'"),
}


@pytest.mark.parametrize("name", GROUP_ERRORS)
def test_a_group_that_is_wrong(clean, schema, name):
    fields, words = GROUP_ERRORS[name]
    change(clean, "val", "df", **fields)
    anomaly = _only(clean, schema)
    assert anomaly.severity == "error" and words in anomaly.what and anomaly.where == "d/df, split val"


@pytest.mark.parametrize(("value", "wrong"), [(20.0, False), (235.0, False), (19.9, True), (235.1, True)])
def test_the_range_of_the_mean_pixel_is_closed(clean, schema, value, wrong):
    change(clean, "train", "real", mean_pixel=value)
    assert bool(find_anomalies(clean, schema)) == wrong


def test_a_wrong_label(clean, schema):
    clean["groups"].append(group("train", "odd", label=2))
    assert "label 2 is neither 0 (real) nor 1 (fake)" in _only(clean, schema).what


def test_a_method_with_both_labels(clean, schema):
    clean["groups"].append(group("train", "df", label=0))
    anomaly = _only(clean, schema)
    assert (anomaly.severity, anomaly.where) == ("error", "d, method df") and "real and fake" in anomaly.what


def test_faces_of_videos_that_the_manifest_does_not_name(clean, schema):
    clean["groups"].append(group("train", "fs", videos=0, videos_with_face=0))
    assert [a.what for a in find_anomalies(clean, schema) if a.severity == "error"] == [
        "has faces of videos that the manifest does not name"
    ]


@pytest.mark.parametrize(("split", "count", "wrong"), [("train", 1, True), ("train", 2, False), ("val", 1, False)])
def test_too_few_videos_of_a_class(clean, schema, split, count, wrong):
    change(clean, split, "df", videos=count, videos_with_face=count)
    found = find_anomalies(clean, schema)
    assert [(a.severity, a.where) for a in found] == [("error", f"split {split}")] * wrong
    assert not wrong or "1 fake video with a face; the schema asks for 2" in found[0].what


def test_an_empty_class(clean, schema):
    clean["groups"] = [g for g in clean["groups"] if (g["split"], g["method"]) != ("test", "real")]
    error, warning = find_anomalies(clean, schema)
    assert (error.severity, error.where) == ("error", "split test") and "0 real videos" in error.what
    assert (warning.severity, warning.where) == ("warning", "d, split test") and "no real video" in warning.what


def test_an_empty_split(clean, schema):
    clean["groups"] = [g for g in clean["groups"] if g["split"] != "val"]
    found = find_anomalies(clean, schema)
    assert [(a.severity, a.where) for a in found] == [("error", "split val")] * 2
    assert find_anomalies(clean, schema.model_copy(update={"required_splits": ["train", "test"]})) == []


def test_a_data_set_with_one_class_is_only_a_warning_beside_another(clean, schema):
    clean["groups"].append(group("test", "fs", dataset="e"))
    anomaly = _only(clean, schema)
    assert (anomaly.severity, anomaly.where) == ("warning", "e, split test") and "no AUC of its own" in anomaly.what


def _share(statistics, *splits):
    statistics["shared_identities"] = {"d": [{"splits": list(splits), "identities": ["d/1", "d/2", "d/3", "d/4"]}]}


def test_shared_identities_are_an_error(clean, schema):
    _share(clean, "train", "test")
    anomaly = _only(clean, schema)
    assert anomaly.severity == "error" and anomaly.where == "d, splits train and test"
    assert "share 4 identities (d/1, d/2, d/3, ...)" in anomaly.what


@pytest.mark.parametrize(
    ("protocol", "severity"),
    [
        ([["train", "test"]], "error"),
        ([["val", "train"], ["test", "val"], ["test", "train"]], "warning"),
        ([["train", "val"], ["val", "test"]], "error"),
    ],
)
def test_shared_identities_are_a_warning_only_where_the_protocol_shares_all_pairs(clean, schema, protocol, severity):
    _share(clean, "train", "val", "test")
    clean["sources"]["d"]["shared_identities"] = protocol
    assert _only(clean, schema).severity == severity


def test_another_data_sets_protocol_excuses_nothing(clean, schema):
    _share(clean, "train", "test")
    clean["sources"]["e"] = {"shared_identities": [["train", "test"]]}
    assert _only(clean, schema).severity == "error"


@pytest.mark.parametrize(("lost", "severity"), [(1, "warning"), (4, "warning"), (5, "error")])
def test_videos_without_a_face(clean, schema, lost, severity):
    change(clean, "train", "df", videos=10, videos_with_face=10 - lost, rejects={"video": {"no_face": lost}})
    limit = schema.model_copy(update={"max_video_reject_rate": 4 / 60, "min_videos_for_outcomes": 100})
    anomaly = _only(clean, limit)
    assert anomaly.severity == severity and anomaly.where == "d"
    assert anomaly.what == f"{lost} of 60 videos ({lost / 60:.1%}) gave no face: no_face {lost}"


@pytest.mark.parametrize(("faces", "wrong"), [(288, False), (270, True)])
def test_detection_rates_of_real_and_fake(clean, schema, faces, wrong):
    for split in ("train", "val", "test"):
        change(
            clean, split, "df", faces=faces, frames_with_face=faces, sizes={"256x256": faces}, formats={"png": faces}
        )
    found = find_anomalies(clean, schema)
    assert [a.severity for a in found] == ["error"] * wrong
    assert not wrong or "98.8% of real and 84.4% of fake frames" in found[0].what
    few = schema.model_copy(update={"min_frames_for_rates": 1000})
    assert find_anomalies(clean, few) == []


def test_incomplete_sources_are_warnings(clean, schema):
    clean["sources"]["d"] |= {"missing": ["a", "b"], "unlisted": ["c"], "left_out": {"x": "its people are in test"}}
    found = find_anomalies(clean, schema)
    assert {a.severity for a in found} == {"warning"} and {a.where for a in found} == {"d"}
    words = [a.what for a in found]
    assert "2 videos named by its lists and missing" in words
    assert "1 file in its folders and not used" in words and "1 video left out of all splits" in words


def test_damaged_files_are_warnings(clean, schema):
    change(
        clean, "test", "real", rejects={"part": {"damaged_file": 2}, "frame": {"no_face": 3, "undecodable_frame": 1}}
    )
    found = find_anomalies(clean, schema)
    assert [(a.severity, a.what) for a in found] == [
        ("warning", "2 part rejects: damaged_file"),
        ("warning", "1 frame reject: undecodable_frame"),
    ]


def test_errors_come_first(clean, schema):
    clean["sources"]["d"]["missing"] = ["a"]
    change(clean, "test", "df", flat_crops=1)
    assert [a.severity for a in find_anomalies(clean, schema)] == ["error", "warning"]


def _outcomes(statistics, reason, real, fake, scope="note"):
    for method, count in (("real", real), ("df", fake)):
        for split in ("train", "val", "test"):
            change(statistics, split, method, rejects={scope: {reason: count}})


@pytest.mark.parametrize(
    ("scope", "reason", "real", "fake", "words"),
    [
        ("note", "smaller_faces", 0, 2, "note smaller_faces: 0.0% of real and 20.0% of fake videos"),
        ("note", "smaller_faces", 5, 0, "note smaller_faces: 50.0% of real and 0.0% of fake videos"),
        ("frame", "no_face", 4, 100, "frame no_face: 1.2% of real and 31.2% of fake frames"),
    ],
)
def test_an_outcome_that_differs_between_real_and_fake(clean, schema, scope, reason, real, fake, words):
    _outcomes(clean, reason, real, fake, scope)
    anomaly = _only(clean, schema)
    assert anomaly.severity == "warning" and anomaly.where == "d" and words in anomaly.what


def test_outcomes_of_few_videos_or_of_both_classes_alike_are_no_anomaly(clean, schema):
    _outcomes(clean, "smaller_faces", 3, 3)
    assert find_anomalies(clean, schema) == []
    _outcomes(clean, "smaller_faces", 0, 6)
    assert _only(clean, schema).severity == "warning"
    assert find_anomalies(clean, schema.model_copy(update={"min_videos_for_outcomes": 31})) == []


def test_a_note_that_pixels_need_is_a_warning(clean, schema):
    change(clean, "val", "df", rejects={"note": {"hdr": 1}})
    assert "1 note: hdr" in _only(clean, schema).what
