"""A page with everything in it: verdicts, pictures, styles and script; it opens anywhere and fetches nothing."""

import base64
import hashlib
import json
import shutil
import tempfile
from pathlib import Path

import jinja2

from artifacts import writing
from serving.verdict.statement import WORDS, from_to, percent
from serving.verdict.view.view import view

_HERE = Path(__file__).parent
# In a script element no "<" may be read as markup; the others are for readers that are not browsers.
_HARMLESS = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


def write_report(path, items):
    """Write the verdicts of some files as one page. Equal arguments give equal bytes.

    The page appears under its name when it is whole. Of the items one at a time is held in memory.

    Args:
        path: of the HTML file.
        items: (verdict, found, heat) as of `view`, for each file; any iterable.

    Raises:
        InputError: it cannot be written.
    """
    rows = []
    with tempfile.TemporaryFile("w+", encoding="utf-8", newline="\n") as shown:
        for verdict, found, heat in items:
            content = view(verdict, found, heat, lambda _, data: _inline(data))
            rows.append(content | {"pictures": None})
            shown.write(_embedded(content))
        shown.seek(0)
        head, tail = _render(rows)
        with (
            writing.whole(str(path)) as partial,
            open(partial, "w", encoding="utf-8", errors="backslashreplace", newline="\n") as stream,
        ):
            stream.write(head)
            shutil.copyfileobj(shown, stream)
            stream.write(tail)


def page_of(content, address, pictures):
    """The same page of a view whose pictures lie elsewhere.

    Args:
        content: of `view`, as JSON.
        address: what the pictures' addresses begin with.
        pictures: what follows it, without the slash between -> WebP bytes.

    Returns:
        HTML, UTF-8 bytes.
    """

    def inlined(value):
        if isinstance(value, dict):
            return {key: inlined(below) for key, below in value.items()}
        return _inline(pictures[value.removeprefix(f"{address}/")]) if value else None

    content = json.loads(content)
    content["pictures"] = inlined(content["pictures"])
    head, tail = _render([content])
    return (head + _embedded(content) + tail).encode("utf-8", "backslashreplace")


def _embedded(content):
    """A view as an element of a page: data, which no browser runs."""
    text = json.dumps(content, allow_nan=False).translate(_HARMLESS)
    return f'<script type="application/json" class="verdict">{text}</script>\n'


def style():
    """The style sheet of a verdict."""
    return _asset("verdict.css")


def script():
    """The script that draws a verdict."""
    return "".join(_asset(f"{name}.js") for name in ("elements", "timeline", "about", "verdict"))


def _asset(name):
    return (_HERE / name).read_text(encoding="utf-8")


def _inline(data):
    return "data:image/webp;base64," + base64.b64encode(data).decode("ascii")


def _render(verdicts):
    """What stands before and after the verdicts' data."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["percent"] = percent
    environment.filters["from_to"] = from_to
    styles, scripts = style() + _asset("report.css"), script() + _asset("report.js")
    # Only this very style and script count in the page, and nothing is ever fetched.
    page = environment.get_template("report.html.j2").render(
        verdicts=verdicts,
        words=WORDS,
        style=styles,
        script=scripts,
        style_hash=_hash(styles),
        script_hash=_hash(scripts),
    )
    return page.split("<!-- verdicts -->\n")


def _hash(text):
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
