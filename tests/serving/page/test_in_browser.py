"""The page in a real browser, on a fake server: progress, refusals, tokens, a full queue."""

import pytest

from tests.fixtures.model_server import wait_until

pytestmark = pytest.mark.slow  # a browser and a server process


@pytest.fixture
def opened(browser, fake):
    """The page. Its console must stay empty, unless the test expects refusals and sets `silent = False`."""
    browser.silent = True
    browser.open(fake.address)
    browser.until(
        "document.querySelector('#limits').textContent.includes('At most') || document.querySelector('dialog').open"
    )
    yield browser
    assert browser.hosts() <= {fake.address.rstrip("/"), "blob://"}
    said = browser.console()
    assert said == [] or not browser.silent, said
    browser.open("about:blank")


@pytest.fixture
def files(tmp_path):
    """files(*names, content) -> paths as the file chooser takes them."""

    def files(*names, content=b"not looked at"):
        paths = [tmp_path / name for name in names]
        for path in paths:
            path.write_bytes(content)
        return "\n".join(map(str, paths))

    return files


def choose(browser, paths):
    browser.find("#files").send_keys(paths)


def rows(browser):
    """The text beside each file."""
    return [
        " ".join(text.split())
        for text in browser.run("return [...document.querySelectorAll('.item .how')].map((e) => e.textContent)")
    ]


def until_row(browser, number, text):
    browser.until(f"[...document.querySelectorAll('.item .how')][{number}]?.textContent.includes({text!r})")


RECORD = """
    window.seen = [];
    new MutationObserver(() => {
        const row = document.querySelector(".item"), bar = row?.querySelector("progress");
        if (!row) return;
        const value = bar.hidden ? null : bar.value;
        seen.push([row.querySelector(".how").textContent, value, document.querySelector("#status").textContent]);
    }).observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });"""


def test_tells_how_far_it_is_and_shows_the_verdict(opened, fake, files):
    opened.run(RECORD)
    choose(opened, files("clip.mp4"))
    until_row(opened, 0, "Likely fake")
    assert rows(opened) == ["Likely fake, fake probability 91.2 %"]
    seen = opened.run("return seen")
    words = list(dict.fromkeys(text for text, _, _ in seen))
    stages = ("Uploading", "Waiting: 2 files before it", "Finding faces", "Scoring faces", "Drawing", "Likely fake")
    at = [next(k for k, word in enumerate(words) if word.startswith(stage)) for stage in stages]
    assert at == sorted(at), words
    bar = [value for _, value, _ in seen if value is not None]
    assert bar == sorted(bar) and any(0.2 < value < 0.9 for value in bar)
    assert {"Uploading clip.mp4", "clip.mp4: Finding faces", "clip.mp4: Scoring faces"} <= {said for _, _, said in seen}
    assert opened.text("#status") == "clip.mp4: Likely fake, fake probability 91.2 %"
    assert opened.text(".headline h2") == "Likely fake" and opened.driver.title == "Likely fake: clip.mp4"
    assert opened.run("return document.activeElement === document.querySelector('.headline h2')")
    opened.until("[...document.querySelectorAll('.crop img')].every((i) => i.complete && i.naturalWidth)")
    assert opened.find("#report").get_attribute("href") == f"{fake.address}v1/videos/job0/report.html"
    assert opened.find("#report").get_attribute("download") == "clip-verdict.html"


def test_takes_several_one_after_the_other_and_forgets_on_demand(opened, fake, files):
    choose(opened, files("a.mp4", "bad.mp4", "<img src=x onerror=alert(1)>.mp4".replace("/", "")))
    until_row(opened, 2, "Likely fake")
    assert rows(opened)[1] == "This file cannot be read as a video or a picture."
    uploads = [entry for entry in fake.log if entry[0] == "POST"]
    assert [name for _, name in uploads] == ["a.mp4", "bad.mp4", "<img src=x onerror=alert(1)>.mp4"]
    assert fake.log.index(("GET", "faces/0/0.webp")) < fake.log.index(uploads[1]), (
        "the first is shown before the next is sent"
    )
    assert opened.run("return document.querySelector('.item[aria-current] .name').textContent") == "a.mp4"
    show, remove = opened.driver.find_elements("css selector", ".item:nth-child(3) button")
    assert show.get_attribute("aria-label") == "Show: <img src=x onerror=alert(1)>.mp4"
    show.click()
    assert opened.text(".headline .file strong") == "<img src=x onerror=alert(1)>.mp4"
    remove.click()
    wait_until(lambda: fake.log[-1] == ("DELETE", "<img src=x onerror=alert(1)>.mp4"))
    assert (
        len(rows(opened)) == 2
        and not opened.find("#result").is_displayed()
        and opened.find("#model section").is_displayed()
    )


def test_waits_while_the_queue_is_full(opened, fake, files):
    opened.silent, fake.busy = False, 1
    opened.run(RECORD)
    choose(opened, files("clip.mp4"))
    until_row(opened, 0, "Likely fake")
    assert "The server is busy; trying again in 1 s" in {text for text, _, _ in opened.run("return seen")}
    assert [entry for entry in fake.log if entry[0] == "POST"] == [("POST", "clip.mp4")] * 2


def test_can_be_cancelled_and_tried_again(opened, fake, files):
    choose(opened, files("slow.mp4"))
    until_row(opened, 0, "Finding faces")
    button = opened.find(".item button")
    assert button.text == "Cancel"
    button.send_keys("\ue007")
    until_row(opened, 0, "Cancelled")
    again = opened.find(".item button")
    assert again.text == "Try again"
    again.click()
    until_row(opened, 0, "Finding faces")
    assert fake.log == [("POST", "slow.mp4"), ("DELETE", "slow.mp4"), ("POST", "slow.mp4")]


def test_leaving_the_page_cancels(browser, opened, fake, files):
    choose(opened, files("slow.mp4"))
    until_row(opened, 0, "Finding faces")
    browser.driver.get("about:blank")
    wait_until(lambda: ("DELETE", "slow.mp4") in fake.log)


def test_what_will_be_refused_is_not_sent(opened, fake, files, film):
    choose(opened, files("huge.mp4", content=b"0" * 400_000))
    choose(opened, files("empty.mp4", content=b""))
    choose(opened, files("notes.txt"))
    choose(opened, str(film("long.mp4", frames=25)))
    until_row(opened, 3, "too long")
    assert rows(opened) == [
        "The file is too large: 0.4 MiB; this server takes at most 0.3 MiB.",
        "The file is empty.",
        "This is not a video or a picture.",
        "The video is too long: 1.0 s; this server takes at most 0.7 s. Cut out the part that matters.",
    ]
    assert fake.log == [] and "at most 0.3 mib, 0.7 s, 1 megapixel" in opened.text("#limits").lower()


def test_a_job_that_the_server_forgot(opened, fake, files):
    opened.silent = False
    choose(opened, files("forgotten.mp4"))
    until_row(opened, 0, "The server no longer knows this file. Send it again.")
    assert opened.find(".item button").text == "Try again"


def test_a_server_that_is_gone(opened, fake, files):
    opened.silent = False
    fake.stop()
    choose(opened, files("clip.mp4"))
    until_row(opened, 0, "The server does not answer. Check that it is running")
    assert opened.find(".item button").text == "Try again"


def test_files_can_be_dropped_anywhere(opened):
    opened.run("""
        const transfer = new DataTransfer();
        transfer.items.add(new File(["x"], "dropped.mp4"));
        const options = { dataTransfer: transfer, bubbles: true, cancelable: true };
        const send = (kind) => document.querySelector("h1").dispatchEvent(new DragEvent(kind, options));
        send("dragover");
        window.over = document.querySelector("#drop").className;
        send("drop");""")
    assert opened.run("return over") == "over" and opened.find("#drop").get_attribute("class") == ""
    until_row(opened, 0, "Likely fake")


def test_works_under_a_path_prefix_of_a_proxy(browser, proxied, files):
    browser.open(proxied.address)
    browser.until("document.querySelector('#about-model')")
    choose(browser, files("other.mp4"))
    until_row(browser, 0, "Likely fake")
    browser.until("[...document.querySelectorAll('.crop img')].every((i) => i.naturalWidth)")
    assert browser.find("#report").get_attribute("href") == f"{proxied.address}v1/videos/job0/report.html"
    assert browser.console() == []
    browser.open("about:blank")


@pytest.fixture
def guarded(fake):
    fake.token = fake.TOKEN


def test_asks_for_a_token_and_keeps_it_in_this_tab_only(guarded, opened, fake, files, tmp_path):
    opened.silent = False
    assert opened.find("dialog").is_displayed() and opened.run("return document.activeElement.id") == "token"
    assert [fault for fault in opened.faults() if "h1" not in str(fault)] == []
    opened.find("#token").send_keys("wrong\n")
    opened.until("document.querySelector('#ask-why').textContent.includes('is wrong')")
    opened.until("document.querySelector('dialog').open")
    opened.find("#token").send_keys(f"{fake.TOKEN}\n")
    opened.until("document.querySelector('#limits').textContent.includes('At most')")
    choose(opened, files("clip.mp4"))
    until_row(opened, 0, "Likely fake")
    opened.run("document.querySelector('.strip').scrollIntoView({block: 'center'})")
    opened.until(
        "[...document.querySelectorAll('.crop img')].every((i) => i.src.startsWith('blob:') && i.naturalWidth)"
    )
    stored = opened.run("return [{...sessionStorage}, {...localStorage}, document.cookie, location.href]")
    assert stored == [{"token": fake.TOKEN}, {}, "", fake.address]
    folder = {"behavior": "allow", "downloadPath": str(tmp_path / "saved")}
    opened.driver.execute_cdp_cmd("Browser.setDownloadBehavior", folder)
    opened.find("#report").click()
    saved = tmp_path / "saved" / "clip-verdict.html"
    wait_until(saved.exists)
    assert saved.read_text() == "<!doctype html><title>the report</title>"


def test_without_the_token_says_so(guarded, opened):
    opened.silent = False
    opened.find("dialog button[value='']").click()
    opened.until("!document.querySelector('#trouble').hidden")
    assert opened.text("#trouble") == "The server needs its token."


@pytest.mark.parametrize("width", [390, 1280])
def test_is_legible_for_everyone(opened, fake, files, width):
    opened.open(fake.address, width, 844)
    opened.until("document.querySelector('#about-model')")
    assert "it is made up" in opened.text("#model .notes")
    for chosen in ("", files("other.mp4", "bad.mp4", f"{'a-long-name-' * 12}.mp4", "slow.mp4")):
        if chosen:
            choose(opened, chosen)
            until_row(opened, 3, "Finding faces")
        for scheme in ("light", "dark"):
            opened.prefer(scheme, "reduce")
            assert opened.faults() == [], scheme


def test_works_by_keyboard_and_shows_the_focus(opened, files):
    choose(opened, files("other.mp4"))
    until_row(opened, 0, "Likely fake")
    from selenium.webdriver import ActionChains

    opened.run("document.querySelector('#files').focus()")
    reached = ["files"]
    for _ in range(20):
        ActionChains(opened.driver).send_keys("\ue004").perform()
        name, outline = opened.run("""
            const on = document.activeElement, shown = on.id === "files" ? on.parentElement : on;
            return [on.id || on.getAttribute("class") || on.textContent, getComputedStyle(shown).outlineStyle];""")
        if name == "page":  # round and at the start again
            break
        reached.append(name)
        assert outline == "solid", name
    assert reached[:5] == ["files", "Show", "Remove", "another", "report"]
    assert "chart" in reached
    assert sum(name.startswith("crop") for name in reached) == 1, "a strip is one stop"
