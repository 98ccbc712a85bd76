"""The report: one page, whole, harmless, the same every time."""

import base64
import contextlib
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

from artifacts.errors import InputError
from artifacts.visible import for_page, printable
from serving.verdict.view.html_report import HtmlReport, inline, page_of, short_names
from serving.verdict.view.verdict_view import verdict_view

ALLOWED = ("html", "head", "meta", "title", "style", "body", "header", "p", "h1", "main", "div", "noscript", "strong",
           "table", "thead", "tbody", "tr", "th", "td", "a")  # fmt: skip


class _Page(HTMLParser):
    """Elements, the texts of scripts and styles, and the text that is shown without a script."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.scripts, self.styles, self.text, self._inside = [], [], [], [], None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self._inside = (tag, dict(attributes)) if tag in ("script", "style") else None

    def handle_endtag(self, tag):
        if tag in ("script", "style"):
            self._inside = None

    def handle_data(self, data):
        if not self._inside:
            self.text.append(data)
        elif self._inside[0] == "style":
            self.styles.append(data)
        else:
            self.scripts.append((self._inside[1], data))


def write_report(path, items):
    """Write a report on (verdict, found, heat maps) of some files."""
    with contextlib.closing(HtmlReport(path)) as report:
        for item in items:
            report.add(verdict_view(*item, inline))
        report.write()


@pytest.fixture(scope="module")
def report(made, tmp_path_factory):
    """The text of a report on all files."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(path, iter([made.clip, made.picture, made.nobody, made.nothing]))
    return path.read_text()


def test_holds_every_view(report, made):
    data = [json.loads(text) for kind, text in _Page(report).scripts if kind.get("type") == "application/json"]
    assert [one["file"] for one in data] == [printable(made.HOSTILE), "two.jpg", "empty street.jpg", "notes.mp4"]
    address = lambda path, data: "data:image/webp;base64," + base64.b64encode(data).decode()  # noqa: E731
    assert data[0] == for_page(json.loads(json.dumps(verdict_view(*made.clip, address))))


def test_only_its_own_script_and_style_count(report):
    page = _Page(report)
    policy = next(a["content"] for tag, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
    run = [text for kind, text in page.scripts if not kind]
    assert len(run) == len(page.styles) == 1
    for directive, text in (("script-src", run[0]), ("style-src", page.styles[0])):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none'; img-src data:;") and "unsafe" not in policy


def test_names_are_harmless_and_nothing_comes_from_elsewhere(report):
    page = _Page(report)
    assert {tag for tag, _ in page.tags} <= {*ALLOWED, "script", "button", "footer", "input", "label", "output"}
    assert sum(tag == "script" for tag, _ in page.tags) == 5  # four files and the page's own
    assert not [a for _, a in page.tags if any(name.startswith("on") or name in ("src", "style") for name in a)]
    assert {a["href"] for tag, a in page.tags if tag == "a"} == {f"#file-{number}" for number in (1, 2, 3, 4)}
    assert re.findall(r"https?://[^\"]+", report) == ["http://www.w3.org/2000/svg"]  # a name, not an address


def test_tells_the_verdicts_without_a_script(report, made):
    text = " ".join(" ".join(_Page(report).text).split())
    for verdict, _, _ in (made.clip, made.picture, made.nobody, made.nothing):
        assert " ".join(verdict.statement.split()) in text and printable(verdict.file) in text


def test_equal_arguments_give_equal_bytes(made, tmp_path):
    for name in ("a.html", "b.html"):
        write_report(str(tmp_path / name), [made.clip, made.picture])
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_is_written_whole_or_not_at_all(made, tmp_path):
    path = tmp_path / "report.html"
    path.write_text("an older one")

    def items():
        yield made.picture
        raise RuntimeError("the model is gone")

    with pytest.raises(RuntimeError, match="the model is gone"):
        write_report(path, items())
    assert path.read_text() == "an older one" and list(tmp_path.iterdir()) == [path]
    with pytest.raises(InputError, match="nowhere"):
        write_report(tmp_path / "nowhere" / "report.html", [made.picture])


def test_one_file_names_itself_and_has_no_table(made, tmp_path):
    write_report(tmp_path / "one.html", [made.picture])
    text = (tmp_path / "one.html").read_text()
    assert "<title>two.jpg: not judged</title>" in text and "<table" not in text
    write_report(tmp_path / "none.html", [])
    assert "Verdicts on 0 files" in (tmp_path / "none.html").read_text()


@pytest.mark.parametrize(
    ("name", "shown"),
    [("a\udcff.jpg", r"a\xff.jpg"), ("a\x1b]0;b\x07\x9b\u202egpj.exe", r"a\x1b]0;b\x07\x9b\u202egpj.exe")],
)
def test_a_name_that_is_no_unicode_or_controls_how_it_is_shown(made, tmp_path, name, shown):
    verdict, found, heat = made.picture
    odd = type(verdict)(**{name: getattr(verdict, name) for name in verdict.__dataclass_fields__} | {"file": name})
    write_report(tmp_path / "odd.html", [(odd, found, heat)])
    text = (tmp_path / "odd.html").read_text()
    assert f"<title>{shown}: not judged</title>" in text and not set(text) & set("\x1b\x07\x9b\u202e")
    (data,) = [json.loads(text) for kind, text in _Page(text).scripts if kind]
    assert data["file"] == shown


def test_what_it_lacks_is_named_on_top(made, tmp_path):
    lacking = {"passed_over": ["raw.h264"], "not_examined": ["<b>.mp4", "c.mp4"], "not_drawn": ["two.jpg"]}
    with contextlib.closing(HtmlReport(tmp_path / "cut.html")) as report:
        report.add(verdict_view(*made.picture, inline))
        report.write(lacking)
    text = " ".join(" ".join(_Page((tmp_path / "cut.html").read_text()).text).split())
    assert "Interrupted: 2 of 3 files were not examined." in text and "<b>.mp4 c.mp4" in text.replace("  ", " ")
    assert "No copy could be drawn of: two.jpg" in text and "1 other file passed over" in text and "raw.h264" in text
    write_report(tmp_path / "whole.html", [made.picture])
    assert not any(word in (tmp_path / "whole.html").read_text() for word in ("Interrupted:", "No copy", "passed over"))


def test_each_view_has_what_a_verdict_rests_on(report, made):
    data = [json.loads(text) for kind, text in _Page(report).scripts if kind.get("type") == "application/json"]
    for view in data:
        assert view["made_by"] == "deepfake-predict" and view["version"].startswith("multi-metric-deepfake-detector")
        assert view["parameters"]["frames"] == 32 and view["parameters"]["min_face"] == 32 and view["caveats"]


def test_a_page_of_pictures_that_lie_elsewhere_is_the_same(made, tmp_path):
    pictures = {}

    def url(path, data):
        pictures[path] = data
        return f"/v1/videos/x/{path}"

    content = json.dumps(verdict_view(*made.clip, url)).encode()
    write_report(tmp_path / "report.html", [made.clip])
    assert page_of(content, "/v1/videos/x", pictures) == (tmp_path / "report.html").read_bytes()


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (["a/x.mp4", "b/y.mp4"], ["x.mp4", "y.mp4"]),
        (["a/x.mp4", "b/x.mp4", "c/z.mp4"], ["a/x.mp4", "b/x.mp4", "z.mp4"]),
        (["k/a/x.mp4", "l/a/x.mp4", "a/x.mp4"], ["k/a/x.mp4", "l/a/x.mp4", "a/x.mp4"]),
        (["x", "x", "/x"], ["x", "x", "/x"]),
        ([], []),
    ],
)
def test_names_are_as_short_as_they_can_be(files, names):
    assert short_names(files) == names


def test_says_of_which_file_by_which_model_and_when(report, made):
    (first, *_) = [json.loads(text) for kind, text in _Page(report).scripts if kind.get("type") == "application/json"]
    assert first["judged_at"].endswith("+00:00") and first["model"]["digest"] == "0123456789abcdef"
    assert "Made by multi-metric-deepfake-detector" in report
