"""The page's files: how they are sent, and what they may do."""

import gzip
import re

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from serving import page

MOST = 27_500  # bytes of all of it on the wire


@pytest.fixture(scope="module")
def site():
    """A client of the page alone."""
    return TestClient(Starlette(routes=page.routes()))


def test_sends_what_the_page_asks_for(site):
    html = site.get("/").text
    asked = set(re.findall(r'(?:href|src)="([^"]+)"', html))
    assert asked == {path[1:] for path in page.FILES if path != "/"} | {"api"}  # that one is the server's
    asked.remove("api")
    kinds = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
    for path in asked:
        answer = site.get(f"/{path}")
        assert answer.status_code == 200 and answer.text == page.FILES[f"/{path}"].read_text() != ""
        assert answer.headers["content-type"].split(";")[0] == kinds[path.rsplit(".", 1)[1]]


def test_is_small(site):
    answers = [site.get(path, headers={"Accept-Encoding": "gzip"}) for path in page.FILES]
    assert 5_000 < sum(int(answer.headers["content-length"]) for answer in answers) < MOST


def test_compresses_only_for_those_who_take_it(site):
    for path, file in page.FILES.items():
        text = file.read_text()
        with site.stream("GET", path, headers={"Accept-Encoding": "gzip, br"}) as answer:
            assert answer.headers["content-encoding"] == "gzip" and answer.headers["vary"] == "Accept-Encoding"
            assert gzip.decompress(b"".join(answer.iter_raw())).decode() == text
        plain = site.get(path, headers={"Accept-Encoding": "identity"})
        assert "content-encoding" not in plain.headers and plain.text == text


def test_is_asked_for_again_but_sent_once(site):
    for path in page.FILES:
        first = site.get(path)
        assert first.headers["cache-control"] == "no-cache"
        again = site.get(path, headers={"If-None-Match": first.headers["etag"]})
        assert again.status_code == 304 and again.content == b"" and again.headers["etag"] == first.headers["etag"]
        assert site.get(path, headers={"If-None-Match": 'W/"another"'}).status_code == 200
    tags = [site.get(path).headers["etag"] for path in page.FILES]
    assert len(set(tags)) == len(tags)


def test_may_do_little(site):
    for path in page.FILES:
        policy = dict(
            part.strip().split(" ", 1) for part in site.get(path).headers["content-security-policy"].split(";")
        )
        assert policy["default-src"] == "'self'" and policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert not any("unsafe" in value or "http" in value or "*" in value for value in policy.values())
    html = page.FILES["/"].read_text()
    assert not re.search(r"<script(?![^>]* src=)|<style|\son\w+=|\sstyle=|javascript:", html)


def test_nothing_comes_from_elsewhere():
    for path, file in page.FILES.items():
        text = file.read_text()
        addresses = set(re.findall(r"(?:https?:)?//[\w.-]+\.\w+", text))
        assert addresses <= {"http://www.w3.org"}, path  # the name of SVG, which nobody fetches
        assert not re.search(
            r"@import|url\(|innerHTML|insertAdjacentHTML|document\.write|eval\(|localStorage|cookie", text
        )


@pytest.mark.parametrize(
    "path",
    ["/page", "/page/", "/page/__init__.py", "/page/index.html", "/page/..%2f..%2foptions.py", "/page/report.html.j2"],
)
def test_no_other_file_is_sent(site, path):
    assert site.get(path).status_code == 404


def test_is_read_only(site):
    assert site.post("/").status_code == 405 and site.head("/").status_code == 200
