"""The page in a real browser, on the real server: from upload to verdict, and an error."""

import json
import urllib.request

import pytest
from PIL import Image

pytestmark = pytest.mark.slow  # a browser and a server process


@pytest.fixture(scope="module")
def address(served):
    """Address of the page, on a server with a small model."""
    host, port = served.address
    return f"http://{host}:{port}/"


@pytest.fixture(scope="module")
def paths(film, portrait, tmp_path_factory):
    """A clip, a picture, and a text that claims to be a clip."""
    folder = tmp_path_factory.mktemp("files")
    Image.fromarray(portrait).save(folder / "portrait.png")
    (folder / "text.mp4").write_text("This is no video. " * 100)
    return [film("uploaded.mp4"), folder / "portrait.png", folder / "text.mp4"]


WATCH = """
    window.seen = [];
    new MutationObserver(() => {
        const row = document.querySelector(".item");
        if (row) seen.push([row.querySelector(".how").textContent, row.querySelector("progress").value]);
    }).observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });"""


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])
def test_from_upload_to_verdict(browser, address, paths, width, height):
    browser.open(address, width, height)
    browser.until("document.querySelector('#about-model')")
    browser.run(WATCH)
    browser.find("#files").send_keys("\n".join(map(str, paths)))
    browser.until(
        "document.querySelectorAll('.item.done').length === 2 && document.querySelectorAll('.item.failed').length", 60
    )

    seen = browser.run("return seen")
    assert any(text.startswith("Uploading") for text, _ in seen) and any(0.2 <= value < 1 for _, value in seen)
    assert {"Finding faces", "Scoring faces", "Drawing the result", "Uploaded", "Waiting"} & {text for text, _ in seen}
    assert browser.text(".item.failed .how") == "This file cannot be read as a video or a picture."

    shown = browser.find("#report").get_attribute("href").removesuffix("/report.html")
    with urllib.request.urlopen(shown) as answer:
        view = json.load(answer)["view"]
    words = {"fake": "Likely fake", "real": "Likely real", "unsure": "Unsure"}[view["verdict"]]
    assert view["file"] == "uploaded.mp4" and browser.text(".headline h2") == words
    assert browser.text(".statement") == view["statement"]
    assert len(view["looked_at"]) == 12 and browser.find(".chart").get_attribute("aria-valuemax") == "12"

    browser.find(".chart").send_keys("\ue011", "\ue014")  # Home, right
    face = view["faces"][0]["frames"][1]
    assert browser.text(".readout") == f"Frame 2 of 12, at 0:00.0. The face: {100 * face['fake_probability']:.1f} %"
    browser.find(".switch input").click()
    browser.until("[...document.querySelectorAll('.stage img, .crop img, .pair img')].every((i) => i.naturalWidth)")
    assert browser.run("return document.querySelector('.crop img').src") == f"{shown}/heat/0/0.webp"
    for scheme in ("light", "dark"):
        browser.prefer(scheme, "reduce")
        assert browser.faults() == [], scheme
    assert browser.console() == [] and browser.hosts() == {address.rstrip("/"), "blob://"}


def test_its_report_runs_as_the_server_sends_it(browser, address, paths):
    """Under the server's policy and its own, without a request to the server."""
    browser.open(address)
    browser.until("document.querySelector('#about-model')")
    browser.find("#files").send_keys(str(paths[1]))
    browser.until("document.querySelector('.item.done')", 60)
    report = browser.find("#report").get_attribute("href")
    browser.open(report)
    browser.until("document.documentElement.dataset.ready !== undefined")
    assert browser.text(".file strong") == "portrait.png" and browser.find(".stage img").is_displayed()
    assert browser.run("return document.documentElement.dataset.errors") == "0" and browser.console() == []
    assert browser.hosts() == {address.rstrip("/")}
    browser.open("about:blank")
