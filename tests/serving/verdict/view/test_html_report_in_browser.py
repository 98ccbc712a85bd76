"""The report in a real browser, from a file: what it draws, what keys and clicks do, and for whom it is legible."""

import contextlib
from dataclasses import replace

import pytest

from artifacts.visible import printable
from serving.verdict.statement import percent
from serving.verdict.view.html_report import HtmlReport, inline
from serving.verdict.view.verdict_view import verdict_view

pytestmark = pytest.mark.slow  # a browser

RIGHT, LEFT, END, HOME, SPACE = "\ue014", "\ue012", "\ue010", "\ue011", " "


@pytest.fixture(scope="module")
def address(made, tmp_path_factory):
    """Of a report on all files."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    with contextlib.closing(HtmlReport(path)) as report:
        for item in (made.clip, made.picture, made.nobody, made.nothing):
            report.add(verdict_view(*item, inline))
        report.write()
    return path.as_uri()


@pytest.fixture
def opened(browser, address):
    """The report, opened at its first file; nothing may have gone wrong when the test ends."""
    browser.open(address)
    yield browser
    assert browser.run("return document.documentElement.dataset.errors") == "0" and browser.console() == []
    assert browser.hosts() == {"file://"}


def test_says_what_the_verdict_says(opened, made):
    verdict = made.clip[0]
    assert opened.text(".headline h2") == "Likely fake" and verdict.verdict == "fake"
    assert opened.text(".statement") == verdict.statement
    assert opened.text(".file strong") == printable(verdict.file)
    face = verdict.faces[verdict.face]
    label = opened.find(".headline .scale").get_attribute("aria-label").replace("\xa0", " ")
    low, high = map(percent, face.interval)
    assert label == (
        f"fake probability {percent(face.fake_probability)}, 95 % interval {low} to {high}, threshold 50.0 %"
    )
    assert (
        "This face is seen in 10 of the 12 frames examined, evenly spaced over the clip's 48; any face in 12"
        in opened.text(".share")
    )
    notes = opened.text(".notes")
    for word in ("High dynamic range", "its test split is small", "Not calibrated"):
        assert word in notes
    assert "kinds of fakes that it has never seen" in opened.text(".headline")


def test_draws_each_face_over_time_with_its_gaps(opened, made):
    dots = """
        const count = (group, kind) => group.querySelector(kind).getAttribute('d').split('M').length - 1;
        return [...document.querySelectorAll('.chart .series')].map(
            (group) => [group.getAttribute('class'), count(group, '.dots'), count(group, '.path')]);
    """
    series = {name.split()[1]: (name, points, runs) for name, points, runs in opened.run(dots)}
    assert {key: of[1:] for key, of in series.items()} == {"c0": (10, 2)}, "faces that are not judged have none"
    assert "chosen" in series["c0"][0]
    # The curve goes where the probabilities lie: 0 at the bottom of the frame of lines, 1 at its top.
    ends = opened.run(
        "const lines = [...document.querySelectorAll('.chart .grid')].map((path) => path.getAttribute('d'));"
        "return ['M46 202', 'M46 14'].map((start) => lines.some((line) => line.startsWith(start)))"
    )
    assert ends == [True, True]
    first = made.clip[0].faces[0].frames[0]
    y = opened.run(
        "return Number(document.querySelector('.chart .c0 .path').getAttribute('d').match(/^M[\\d.]+ ([\\d.]+)/)[1])"
    )
    assert y == pytest.approx(14 + (1 - first.fake_probability) * (202 - 14), abs=0.1)


def test_keys_move_through_the_frames(opened, made):
    chart = opened.find(".chart")
    assert chart.get_attribute("role") == "slider" and opened.find(".readout").get_attribute("aria-live") == "polite"
    chart.send_keys(HOME)
    face = made.clip[0].faces[0]
    assert opened.text(".readout").startswith("Frame 1 of 12, at 0:00.0. Face 1: ")
    assert percent(face.frames[0].fake_probability) in opened.text(".readout")
    before = opened.run("return document.querySelector('.stage img').src")
    chart.send_keys(RIGHT * 4)
    assert chart.get_attribute("aria-valuenow") == "5"
    assert opened.text(".readout").startswith("Frame 5 of 12, at 0:01.3. Doubtful face 2: not assessed"), (
        "face 1 is away"
    )
    assert opened.text(".close") == "Face 1 in this frameNot seen."
    assert opened.run("return document.querySelector('.stage img').src") != before
    chart.send_keys(END, LEFT)
    assert opened.text(".readout").startswith("Frame 11 of 12") and opened.text(".crop[aria-pressed=true] span")
    opened.find("[aria-label='Next frame']").click()
    assert opened.text(".readout").startswith("Frame 12 of 12")
    assert not opened.find("[aria-label='Next frame']").is_enabled()
    opened.find(".stage").click()
    assert opened.text(".readout").startswith("Frame 1 of 12"), "from the end to the start"


def test_keys_move_along_the_crops_and_keep_the_focus(opened):
    strip = opened.find(".person:nth-of-type(1) .crop[tabindex='0']")
    strip.send_keys(HOME)
    places = """
        const crops = document.querySelectorAll('.person:first-of-type .crop[tabindex="0"]');
        return [document.activeElement.getAttribute('aria-label'), crops.length];
    """
    assert opened.run(places)[0].startswith("Frame 1: ") and opened.run(places)[1] == 1
    opened.driver.switch_to.active_element.send_keys(RIGHT * 4)
    assert opened.run(places)[0].startswith("Frame 7: "), "over the gap of two"


def test_a_click_on_the_chart_chooses_the_frame_under_it(opened):
    chart = opened.find(".chart")
    opened.run("arguments[0].scrollIntoView({block: 'center'})", chart)
    script = """
        const [chart, share] = arguments, box = chart.getBoundingClientRect();
        const x = box.left + 46 + share * (box.width - 60);
        chart.dispatchEvent(new PointerEvent("pointerdown", { clientX: x, clientY: box.top + 50, buttons: 1 }));"""
    opened.run(script, chart, 0.0)
    assert chart.get_attribute("aria-valuenow") == "1"
    opened.run(script, chart, 0.46)
    assert chart.get_attribute("aria-valuenow") == "6"


def test_marks_faces_where_they_are(opened, made):
    opened.find(".chart").send_keys(HOME)
    styles = opened.run(
        "const sides = ['left', 'top', 'width', 'height'];"
        "return [...document.querySelectorAll('.box')].map((b) => sides.map((side) => parseFloat(b.style[side])))"
    )
    boxes = [face.frames[0].box for face in made.clip[0].faces]
    expected = [(100 * x / 320, 100 * y / 240, 100 * w / 320, 100 * h / 240) for x, y, w, h in boxes]
    assert len(styles) == 3
    for found, wanted in zip(styles, expected, strict=True):
        assert found == pytest.approx(wanted, abs=0.01)
    opened.run("document.querySelector('.box.c2').click()")
    assert opened.text(".close h4") == "Doubtful face 3 in this frame"
    assert opened.text(".legend [aria-pressed=true]").startswith("Doubtful face 3")


def test_says_of_each_face_whether_and_why_not_it_is_judged(opened):
    people = opened.run("return [...document.querySelectorAll('.person')].map((p) => p.innerText)")
    assert people[0].startswith("Face 1: likely fake, ") and "Seen in 10 frames, 80 pixels." in people[0]
    assert (
        people[1].startswith("Doubtful face 2")
        and "Doubtful: too small, 20 pixels, less than the 32 of min_face." in people[1]
    )
    assert people[2].startswith("Doubtful face 3") and "seen in 2 of 12 frames, too few" in people[2]


def test_shows_where_the_model_looked_on_demand(opened):
    sources = "return [...document.querySelectorAll('.person .crop img')].map((i) => i.src)"
    plain = opened.run(sources)
    switch = opened.find(".switch input")
    assert switch.get_attribute("role") == "switch"
    switch.send_keys(SPACE)
    hot = opened.run(sources)
    assert [a != b for a, b in zip(plain, hot, strict=True)] == [True] * 10 + [False] * 14, "only face 1 has heat maps"
    switch.send_keys(SPACE)
    assert opened.run(sources) == plain


def test_tells_of_the_model_as_much_as_is_known(opened):
    about = opened.text("#about-model")
    for text in ("resnet34", "720", "23,040", "0.812", "0.700–0.900", "Calibratedno", "6 real examples; it needs 100"):
        assert text in about
    assert len(opened.driver.find_elements("css selector", "#about-model table")) == 5
    for text in ("Fakes by other means.", "41.8", "So they are shown.", "004_982", "real, wrong", "1.3"):
        assert text in about, "what it does not know"


def test_other_files_and_what_they_lack(opened):
    opened.find("#files a[href='#file-2']").click()
    opened.until("document.querySelector('.headline .file strong').textContent === 'two.jpg'")
    # A model without a card gives no verdict, neither in the headline nor in a picture of it.
    assert opened.text(".headline h2") == "Not judged" and "this model has no card" in opened.text(".headline")
    assert "bare score" in opened.text(".headline .number")
    assert not opened.driver.find_elements("css selector", ".chart, .switch, .share, .scale")
    assert "came without a card" in opened.text("#about-model")
    assert opened.run("return document.activeElement.tagName") == "H2"
    opened.find("#files a[href='#file-3']").click()
    opened.until("document.querySelector('.headline h2').textContent === 'Cannot judge'")
    assert "No face was found here." in opened.text(".readout") and not opened.driver.find_elements(
        "css selector", ".person"
    )
    assert "What it was trained on is not known." in opened.text("#about-model")
    opened.find("#files a[href='#file-4']").click()
    opened.until("document.querySelector('.headline .file strong').textContent === 'notes.mp4'")
    assert "cannot be opened as a video" in opened.text(".statement") and not opened.driver.find_elements(
        "css selector", ".viewer"
    )


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_is_legible_for_everyone(browser, address, width, dark):
    browser.open(address, width, 844, dark)
    for number in (1, 2, 3, 4):
        browser.run("location.hash = `#file-${arguments[0]}`", number)
        browser.until(f"document.querySelector('#files [aria-current]').hash === '#file-{number}'")
        assert browser.faults() == [], number
    assert browser.run("return getComputedStyle(document.body).backgroundColor") == (
        "rgb(20, 23, 26)" if dark else "rgb(255, 255, 255)"
    )


def test_the_audit_finds_what_is_wrong(browser, address):
    """Or else the test above could not fail."""
    browser.open(address, 390, 844)
    browser.run("""
        document.querySelector(".statement").style.color = "#888";
        document.querySelector(".statement").style.backgroundColor = "#999";
        document.querySelector("h3").id = "verdict-word";
        document.querySelector(".stage img").removeAttribute("alt");
        document.querySelector("[aria-label='Next frame']").removeAttribute("aria-label");
        document.querySelector("[aria-label='Previous frame']").remove();
        document.querySelector(".controls button").textContent = "";
        document.querySelector(".person h4").outerHTML = "<h6>x</h6>";
        document.querySelector(".file").style.width = "900px";
    """)
    faults = browser.faults()
    said = " ".join(str(fault) for fault in faults)
    for word in (
        "contrast",
        "id twice",
        "no alt",
        "heading level",
        "pixels wide",
        "names nothing",
        "'value': 'button'",
    ):
        assert word in said, (word, said)


def test_nothing_moves_for_those_who_want_no_motion(browser, address):
    browser.open(address)
    for wish, behavior in (("no-preference", "smooth"), ("reduce", "auto")):
        browser.prefer("light", wish)
        assert browser.run("return getComputedStyle(document.documentElement).scrollBehavior") == behavior


def test_prints_on_paper(browser, address):
    browser.open(address)
    browser.prefer("dark", "reduce", media="print")
    assert browser.run("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    # In one step: the page draws its chart anew when the colours change.
    assert browser.run("return ['.legend', '.chart svg'].map((s) => document.querySelector(s).checkVisibility())") == [
        False,
        True,
    ]
    browser.prefer("light", "reduce")
    assert len(browser.driver.execute_cdp_cmd("Page.printToPDF", {})["data"]) > 10_000


def test_the_table_sorts_and_filters(browser, address):
    browser.open(address)
    names = "return [...document.querySelectorAll('#files tbody tr:not([hidden]) a')].map((link) => link.textContent)"
    click = "document.querySelectorAll('#files thead button')[arguments[0]].click()"
    before = browser.run(names)
    browser.run(click, 2)  # by the probability: the highest first, and what has none last
    values = browser.run(
        "return [...document.querySelectorAll('#files tbody tr')].map((row) => row.cells[2].dataset.value)"
    )
    assert [float(value) for value in values] == sorted(map(float, values), reverse=True)
    browser.run(click, 0)
    rising = browser.run(names)
    browser.run(click, 0)
    assert browser.run(names) == rising[::-1] and sorted(rising) == sorted(before)
    assert browser.run("return document.querySelectorAll('#files th[aria-sort]').length") == 1
    browser.find(".filter input").send_keys("TWO.j")
    assert browser.run(names) == ["two.jpg"] and browser.text(".filter output") == "1 of 4 files"
    browser.run("document.querySelector('#files tbody tr:not([hidden]) a').click()")
    browser.until("document.querySelector('.headline .file strong').textContent === 'two.jpg'")


def test_a_test_of_one_face_a_video_is_told_as_that_and_once(browser, made, tmp_path):
    """The only method has the figures of all together, and single frames those of videos."""
    verdict, found, heat = made.clip
    rows = verdict.model["card"]["tested_on"]
    tested = [
        {**rows[0], "level": level, "method": method} for level in ("video", "frame") for method in (None, "fake")
    ]
    card = {
        **verdict.model["card"],
        "tested_on": tested,
        "calibration": {"faces": 977, "videos": 977},
        "caveats": ["one.", "Two"],
    }
    single = replace(verdict, model={**verdict.model, "card": card, "calibrated": True})
    with contextlib.closing(HtmlReport(tmp_path / "single.html")) as report:
        report.add(verdict_view(single, found, heat, inline))
        report.write()
    browser.open((tmp_path / "single.html").as_uri())
    about, notes = browser.text("#about-model"), browser.text(".notes")
    assert about.count("Tested on: ") == 1 and "Tested on: one face of each video" in about
    assert browser.run("return document.querySelectorAll('#about-model tr.total').length") == 1
    assert "yes, on 977 single faces of its validation split, one of each video" in about
    assert notes.count("About the model:") == 1
    assert "one. Two. Its test and its calibration are of single faces, one of each video" in notes
    options = browser.text(".identity")
    assert "frames 32" in options and "min_face 32" in options and "video_rule mean_logit" in options
