import re
from html.parser import HTMLParser

import pytest

from components.evaluator.metrics import evaluate
from components.evaluator.report import write_report

FETCHES = {"src", "href", "xlink:href", "srcset", "data", "action", "poster", "background", "formaction"}


class _Page(HTMLParser):
    """Collects what a browser would fetch or run, the text, and the elements."""

    def __init__(self, text):
        super().__init__()
        self.fetched, self.tags, self.texts = [], [], []
        self.feed(text)
        self.text = " ".join(" ".join(self.texts).split())

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.fetched += [
            value for name, value in attributes if name in FETCHES and not value.startswith(("#", "data:"))
        ]

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture
def render(tmp_path):
    def write(columns, verdict="NOT_BLESSED", reasons=("no threshold is set",), caveats=None):
        path = tmp_path / "report.html"
        metrics = evaluate(columns) | {"split": "test", "caveats": caveats or {}}
        write_report(str(path), metrics, columns, verdict, list(reasons))
        text = path.read_text(encoding="utf-8")
        return text, _Page(text), metrics

    return write


def _rows(dataset="a"):
    rows = [(dataset, "real", f"{k:03}", -1.0 + 0.3 * (k % 5)) for k in range(10)]
    return rows + [(dataset, method, f"{k:03}", 0.2 * k) for k in range(10) for method in ("df", "nt")]


def test_holds_the_figures_the_verdict_and_two_plots(made, render):
    text, page, metrics = render(made.columns(_rows()), "BLESSED", ["a video AUC 0.9 is at least 0.5"])
    assert "Evaluation on the test split: blessed" in page.text and "a video AUC 0.9 is at least 0.5" in page.text
    for level in ("frame", "video"):
        for figures in (metrics[level]["datasets"]["a"], *metrics[level]["datasets"]["a"]["methods"].values()):
            assert f"{figures['auc']:.4f}" in page.text and f"{figures['acc']:.4f}" in page.text
    assert page.tags.count("svg") == 2 and "10 + 20" in page.text
    assert text.startswith("<!doctype html>") and text.count("<html") == 1


def test_fetches_nothing(made, render):
    text, page, _ = render(made.columns(_rows()))
    assert page.fetched == []
    assert not {"script", "link", "iframe", "img", "object", "embed"} & set(page.tags)
    assert not re.search(r"@import|url\((?!#)", text)
    # Addresses are only names there: of XML vocabularies and of the program that drew the plots.
    hosts = set(re.findall(r"https?://([^/\"'\s<>]+)", text))
    assert hosts <= {"www.w3.org", "purl.org", "creativecommons.org", "web.resource.org", "matplotlib.org"}


def test_prints_the_caveats_of_its_data_sets(made, render):
    _, page, _ = render(made.columns(_rows()), caveats={"a": "for play only", "z": "of another run"})
    assert "a: for play only" in page.text and "another run" not in page.text


def test_escapes_names(made, render):
    name = "<b>bold</b><script>alert(1)</script>"
    text, page, _ = render(made.columns(_rows(name)), reasons=[f"{name} fails"], caveats={name: f"{name} & more"})
    assert "<b>bold" not in text and "script" not in page.tags and "b" not in page.tags
    assert "&lt;b&gt;bold&lt;/b&gt;" in text and name in page.text


def test_a_data_set_of_one_class_has_no_roc_and_says_why(made, render):
    columns = made.columns([("a", "real", str(k), float(k)) for k in range(4)])
    _, page, _ = render(columns)
    assert page.tags.count("svg") == 1 and "only real examples" in page.text and "–" in page.text
    assert "ROC" not in page.text


def test_logits_that_are_no_numbers(made, render):
    rows = [*_rows(), ("a", "df", "x", float("nan")), ("b", "real", "0", float("inf")), ("b", "df", "0", float("nan"))]
    _, page, _ = render(made.columns(rows))
    assert "NaN or infinite" in page.text and "ROC" not in page.text


def test_one_video(made, render):
    render(made.columns([("a", "real", "0", 1.0)]))


def test_several_data_sets(made, render):
    _, page, _ = render(made.columns([*_rows("a"), *_rows("b")]))
    assert page.tags.count("svg") == 4 and page.tags.count("tr") == 1 + 3 + 3 + 1
