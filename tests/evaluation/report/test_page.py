import json
import re
from html.parser import HTMLParser

import numpy as np
import pyarrow
import pytest

from evaluation.report.page import SECTIONS, write_report

pytestmark = pytest.mark.slow  # it draws whole reports

FETCHES = {"src", "href", "xlink:href", "srcset", "data", "action", "poster", "background", "formaction"}
HOSTILE = "</script><img src=x onerror=alert(1)>'\"&{{ 7 * 6 }}$x_1$"


class _Page(HTMLParser):
    """Collects what a browser would fetch or run, the text, and the elements."""

    def __init__(self, text):
        super().__init__()
        self.fetched, self.tags, self.texts, self.attributes = [], [], [], []
        self.feed(text)
        self.text = " ".join(" ".join(self.texts).split())

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        self.fetched += [
            value for name, value in attributes if name in FETCHES and not value.startswith(("#", "data:image/"))
        ]

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture
def render(tmp_path):
    """Write a report; return its text and what is in it."""

    def write(arguments, **changes):
        path = tmp_path / "report.html"
        write_report(str(path), **arguments | changes)
        text = path.read_text(encoding="utf-8")
        return text, _Page(text)

    return write


@pytest.fixture(scope="module")
def full(tmp_path_factory, report_arguments):
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(str(path), **report_arguments)
    text = path.read_text(encoding="utf-8")
    return text, _Page(text)


@pytest.fixture
def plain(made):
    """The arguments of a report without extras; a fresh copy."""

    def build(methods, videos=4, **more):
        columns = made.full_columns(np.random.default_rng(0), methods, videos=videos, per_video=2)
        metrics = json.loads(json.dumps(made.metrics(columns, **more)))
        arguments = {"metrics": metrics, "frames": columns["frame"], "videos": columns["video"]}
        return arguments | {"blessed": False, "reasons": ["no threshold is set"]}

    return build


def test_holds_every_figure(full, report_arguments):
    text, _ = full
    metrics = report_arguments["metrics"]
    for level in ("frame", "video"):
        datasets = metrics[level]["datasets"].values()
        methods = [of_method for group in datasets for of_method in group["methods"].values()]
        for group in methods + [group for group in datasets if len(group["methods"]) != 1]:
            for score in ("logit", "center_similarity"):
                for figure in group[score].values():
                    if figure["value"] is not None:
                        bounds = f"{figure['value']:.4f}; 95 % interval {figure['low']:.4f} to {figure['high']:.4f}"
                        assert bounds in text and f">{figure['value']:.3f}<" in text


def test_says_the_verdict_and_what_was_evaluated(full):
    _, page = full
    for words in (
        "Evaluation on the test split Blessed",
        "ffpp video AUC 0.9800 is at least 0.9",
        "Recipe paper",
        "Videos 360: 120 real, 240 fake",
        "95 %, 1,000 bootstrap resamples of videos",
        "A video's score is the mean logit of its frames.",
        "Videos without a face are left out of the figures",
        "FaceExampleGen, execution 3, digest 81bb07",
        "python -m pipeline.run --config ffpp.json",
        "Protocol and data differ",
        "a similarity is not a probability",
    ):
        assert words in page.text, words


def test_has_all_sections(full, report_arguments):
    _, page = full
    ids = [value for name, value in page.attributes if name == "id"]
    assert [id for id in ids if id in SECTIONS] == list(SECTIONS) and len(ids) == len(set(ids))
    assert {value[1:] for name, value in page.attributes if name == "href"} <= set(ids)
    assert page.tags.count("img") == 2 * len(report_arguments["faces"])
    # Per data set six curves; of robustness, for crops and for films, two and one for each of several methods; two of
    # validation; for each of two models a panel per method.
    assert page.tags.count("svg") == 3 * 6 + 2 * (3 * 2 + 4) + 2 + 2 * (1 + 1 + 4)
    assert "3 videos not coded again: the file is not where the list of videos says." in page.text
    assert "Not drawn" not in page.text and "Not in this report" not in page.text


def test_is_small_and_one_document(full):
    text, _ = full
    assert len(text.encode()) < 1e6 and text.startswith("<!doctype html>") and text.count("<html") == 1


def test_fetches_nothing(full):
    text, page = full
    assert page.fetched == [] and not {"link", "iframe", "object", "embed", "base", "video"} & set(page.tags)
    assert not re.search(r"https?:|@import|url\((?!#)|fetch\(|XMLHttp|sendBeacon|WebSocket", text)
    assert "default-src 'none'" in text and page.tags.count("script") == 1


def test_is_readable_without_its_script(full):
    """Nothing but the controls, which need it, is hidden in the file itself."""
    text, _ = full
    assert re.findall(r"<(\w+)[^>]*\shidden", text) == ["form"]


def test_tables_are_accessible(full):
    text, page = full
    assert page.tags.count("table") == page.tags.count("caption") and page.tags.count("h1") == 1
    assert all(re.search(r"\balt=", tag) for tag in re.findall(r"<img[^>]*>", text))
    assert all("aria-label=" in tag for tag in re.findall(r"<svg[^>]*>", text))
    assert all("scope=" in tag for tag in re.findall(r"<th\b[^>]*>", text))
    assert all("<label>" in before for before in re.findall(r".{30}<select", text))


def test_published_and_measured_are_told_apart(full, report_arguments):
    _, page = full
    marked = [value for name, value in page.attributes if name == "title"]
    assert marked.count("published") == 8 * 8 + 8 * 4 + 3 * 4
    nt = report_arguments["metrics"]["video"]["datasets"]["ffpp"]["methods"]["nt"]["logit"]["auc"]["value"]
    assert f"measured, {nt:.4f}" in marked


def test_same_arguments_same_bytes(render, plain):
    assert render(plain({"a": ("x", "y")}))[0] == render(plain({"a": ("x", "y")}))[0]


def test_dictionary_codes_make_no_difference(render, plain):
    arguments = plain({"b": ("x", "y"), "a": ("z",)})
    coded = {
        key: pyarrow.array(values.tolist(), pyarrow.string()).dictionary_encode() if values.dtype == object else values
        for key, values in arguments["frames"].items()
    }
    embeddings = [
        {"name": "m", "vectors": np.random.default_rng(0).normal(size=(len(arguments["frames"]["label"]), 4))}
    ]
    text, _ = render(arguments, embeddings=[embeddings[0] | {"columns": arguments["frames"]}])
    assert render(arguments, frames=coded, embeddings=[embeddings[0] | {"columns": coded}])[0] == text


def test_escapes_names(render, plain, report_arguments):
    arguments = plain({HOSTILE: (HOSTILE, "_x")}, caveats={HOSTILE: HOSTILE})
    columns = arguments["frames"]
    more = {
        "embeddings": [{"name": HOSTILE, "vectors": np.ones((len(columns["label"]), 3)), "columns": columns}],
        "faces": [report_arguments["faces"][0] | {"dataset": HOSTILE, "video_id": HOSTILE, "method": HOSTILE}],
        "lineage": [{"name": HOSTILE, "value": HOSTILE}, {"name": "recipe", "value": HOSTILE}],
        "reproduce": [HOSTILE],
    }
    row = {"change": "jpeg", "severity": 0, "strength": None, "unit": "quality", "dataset": HOSTILE, "method": HOSTILE}
    row |= {"real": 1, "fake": 1, "frame_auc": None, "video_auc": None, "reason": HOSTILE}
    arguments["metrics"]["robustness"] = [row]
    text, page = render(arguments, reasons=[HOSTILE], **more)
    assert page.tags.count("script") == 1 and page.tags.count("img") == 2
    assert "onerror" not in {name for name, _ in page.attributes} and "<img src=x" not in text
    assert page.texts.count(HOSTILE) > 10 and "42" not in page.texts


def test_names_control_nothing(render, plain):
    name = "a\x1b]0;b\x07\x9b\u202ec"
    row = {"name": name, "value": name}
    text, _ = render(plain({name: (name, "d")}), reasons=[name], lineage=[row], reproduce=[name])
    assert not set(text) & set("\x1b\x07\x9b\u202e") and text.count(r"a\x1b]0;b\x07\x9b\u202ec") > 5


def test_a_null_is_a_dash_with_its_reason(render, plain, made):
    arguments = plain({"a": ("x", "y")})
    group = arguments["metrics"]["video"]["datasets"]["a"]["methods"]["x"]["logit"]
    group["auc"] = made.figure(None, "only real examples")
    group["ap"] = {"value": 0.5, "low": None, "high": None, "reason": "one video only"}
    text, page = render(arguments)
    assert 'title="only real examples"><span role="img" aria-label="none">–</span><sup>1</sup>' in text
    assert 'title="0.5000; no interval: one video only">0.500<small>none<sup>2</sup></small>' in text
    assert "only real examples one video only" in page.text


def test_prints_the_caveats_of_its_data_sets(render, plain):
    _, page = render(plain({"a": ("x",)}, caveats={"a": "for play only", "z": "of another run"}))
    assert "a: for play only" in page.text and "another run" not in page.text


def test_one_class_has_no_curve_and_says_why(render, plain):
    _, page = render(plain({"a": ()}))
    assert page.text.count("Not drawn: only reals.") == 2 and "all fakes" in page.text


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_scores_that_are_no_numbers(render, plain, value):
    arguments = plain({"a": ("x", "y")})
    for columns in (arguments["frames"], arguments["videos"]):
        for key in ("logit", "center_similarity", "fake_probability"):
            columns[key] = np.where(
                np.arange(len(columns[key])) == 3, min(value, 1) if "prob" in key else value, columns[key]
            )
    _, page = render(arguments)
    assert ("the model gave NaN or infinite scores" in page.text) == np.isnan(value)


def test_one_video(render, plain):
    _, page = render(plain({"a": ()}, videos=1))
    assert "2: 2 real, 0 fake" in page.text


def test_what_is_missing_is_named(render, plain):
    arguments = plain({"a": ("x",)})
    arguments["metrics"] |= {"temperature": None, "caveats": {}}
    arguments["metrics"]["thresholds"] = {
        level: dict.fromkeys(("logit", "center_similarity")) for level in ("frame", "video")
    } | {"reason": "there are no predictions of a validation split"}
    _, page = render(arguments, videos=None)
    assert "Not in this report: embeddings; where the model looks; robustness;" in page.text
    assert "there are no predictions of a validation split" in page.text and "no temperature fitted" in page.text
    assert "frames, logarithmic" in page.text


def test_a_data_set_that_only_the_list_knows(render, plain, made):
    """None of its videos was decoded, so there is no row."""
    arguments = plain({"a": ("x",), "b": ("x",)})
    kept = arguments["frames"]["dataset"] == "a"
    arguments["frames"] = {key: values[kept] for key, values in arguments["frames"].items()}
    _, page = render(arguments)
    assert "Not drawn: no rows." in page.text or "Not drawn: no finite scores." in page.text
