"""The report in a real browser: Chromium, without a window and without a network."""

import os
import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest

from evaluation.report.page import write_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,  # a browser
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
]
FLAGS = (
    *("--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
    *("--enable-logging=stderr", "--virtual-time-budget=5000", "--dump-dom"),
)


class _Dom(HTMLParser):
    """Rows of the table that is shown, what else is shown, and the attributes of <html>."""

    def __init__(self, text):
        super().__init__()
        self.root, self.views, self.rows, self.parts, self.selects, self.sorted = {}, [], [], [], {}, []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        if tag == "html":
            self.root = found
        elif found.get("class") == "view":
            self.inside = "hidden" not in found
            self.views += [(found["data-level"], found["data-score"])] * self.inside
        elif tag == "tr" and "data-place" in found and self.inside:
            self.rows += [{}] * ("hidden" not in found)
            self.row = self.rows[-1] if "hidden" not in found else {}
            if "hidden" not in found:
                self.row = self.rows[-1] = {"dataset": found["data-dataset"], "values": []}
        elif tag in ("td", "th") and "data-value" in found and self.inside and "values" in self.row:
            self.row["values"].append(found["data-value"])
        elif tag == "div" and "data-dataset" in found:
            self.parts += [found["data-dataset"]] * ("hidden" not in found)
        elif tag == "th" and "aria-sort" in found and self.inside:
            self.sorted.append((found["data-key"], found["aria-sort"]))

    row, inside = {}, False


@pytest.fixture
def browse(tmp_path):
    """Open a page at a fragment; return its DOM, and what the console said."""

    def opened(path, fragment="", *flags):
        command = [CHROMIUM, *FLAGS, *flags, f"--user-data-dir={tmp_path / 'profile'}", f"file://{path}{fragment}"]
        if os.geteuid() == 0:
            command.insert(1, "--no-sandbox")
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
        return _Dom(done.stdout), re.findall(r"CONSOLE.*", done.stderr), done.stdout

    return opened


@pytest.fixture(scope="module")
def page(tmp_path_factory, report_arguments):
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(str(path), **report_arguments)
    return path


AUC = 4  # data set, method, real, fake, then the figures


def test_runs_without_an_error_and_fetches_nothing(browse, page):
    dom, console, _ = browse(page)
    # The page counts script errors, what could not be loaded, and what its own policy forbids to fetch.
    assert dom.root["data-errors"] == "0" and "data-ready" in dom.root and console == []
    assert dom.views == [("video", "logit")] and len(dom.rows) == 8 and dom.sorted == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<main>", '<main><img src="other.png" alt="">'),
        ("<main>", '<main><img src="http://localhost:9/x.png" alt="">'),
        ("<main>", "<main><script>document.title = 'run'</script>"),
        ('<form class="controls" hidden>', "<form hidden>"),
    ],
)
def test_counts_what_goes_wrong(browse, page, tmp_path, old, new):
    spoiled = tmp_path / "spoiled.html"
    text = page.read_text()
    assert text.count(old) == 1
    spoiled.write_text(text.replace(old, new))
    dom, console, _ = browse(spoiled)
    assert int(dom.root["data-errors"]) > 0 and console, (dom.root, console)


def test_switches_and_sorts(browse, page, report_arguments):
    dom, console, _ = browse(page, "#level=frame&score=center_similarity&sort=auc")
    assert dom.root["data-errors"] == "0" and console == [] and dom.views == [("frame", "center_similarity")]
    values = [float(row["values"][AUC]) for row in dom.rows]
    level = report_arguments["metrics"]["frame"]
    groups = [(group, group["methods"]) for group in level["datasets"].values()]
    expected = [of["center_similarity"]["auc"]["value"] for _, methods in groups for of in methods.values()]
    expected += [group["center_similarity"]["auc"]["value"] for group, methods in groups if len(methods) != 1]
    expected.append(level["all"]["center_similarity"]["auc"]["value"])
    assert values == pytest.approx(sorted(expected, reverse=True)) and dom.sorted == [("auc", "descending")]


def test_sorts_upwards_and_by_names(browse, page):
    dom, _, _ = browse(page, "#sort=auc&order=up")
    values = [float(row["values"][AUC]) for row in dom.rows]
    assert values == sorted(values) and dom.sorted == [("auc", "ascending")]
    dom, _, _ = browse(page, "#sort=method&order=up")
    methods = [row["values"][1] for row in dom.rows]
    assert methods == ["df", "fake", "fake", "ff", "fs", "nt", "", ""], "what has no value comes last"


def test_filters_by_data_set(browse, page):
    dom, _, _ = browse(page, "#dataset=ffpp")
    assert {row["dataset"] for row in dom.rows} == {"ffpp"} == set(dom.parts) and len(dom.rows) == 5


@pytest.mark.parametrize(
    "fragment", ["#plots", "#level=clip&sort=%22%5D&dataset=none&score=", "#%F0", "#order=sideways"]
)
def test_nonsense_in_the_address_changes_nothing(browse, page, fragment):
    dom, console, _ = browse(page, fragment)
    assert dom.root["data-errors"] == "0" and console == []
    assert dom.views == [("video", "logit")] and len(dom.rows) == 8 and dom.sorted == []


@pytest.mark.parametrize("width", [390, 1280])
def test_no_page_is_wider_than_the_screen(browse, page, tmp_path, width):
    widths = "`${document.documentElement.scrollWidth} of ${innerWidth}`"
    probe = f"addEventListener('load', () => {{ document.title = {widths} }})"
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page.read_text())
    probed = tmp_path / "probed.html"
    probed.write_text(text.replace("<main>", f"<script>{probe}</script><main>"))
    _, _, html = browse(probed, "", f"--window-size={width},900")
    wide, screen = (int(number) for number in re.search(r"<title>(\d+) of (\d+)</title>", html).groups())
    assert screen <= 1.4 * width and wide <= screen
