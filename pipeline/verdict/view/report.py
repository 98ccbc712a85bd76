"""A page with everything in it: verdicts, pictures, styles and script; it opens anywhere and fetches nothing."""

import base64
import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path

import jinja2

from pipeline.verdict.statement import WORDS, percent
from pipeline.verdict.view.view import view

_HERE = Path(__file__).parent
# In a script element no "<" may be read as markup; the others are for readers that are not browsers.
_HARMLESS = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


def write_report(path, items):
    """Write the verdicts of some files as one page. Equal arguments give equal bytes.

    The page appears under its name when it is whole. Of the items one at a time is held in memory.

    Args:
        path: of the HTML file.
        items: (verdict, found, heat) as of `view`, for each file; any iterable.
    """
    verdicts = []
    with tempfile.TemporaryFile("w+", encoding="utf-8", newline="\n") as shown:
        for verdict, found, heat in items:
            verdicts.append(verdict)
            shown.write(embedded(view(verdict, found, heat, _inline)) + "\n")
        shown.seek(0)
        head, tail = _render(verdicts).split("<!-- verdicts -->\n")
        partial = f"{path}.{os.getpid()}.partial"
        try:
            with open(partial, "w", encoding="utf-8", errors="backslashreplace", newline="\n") as stream:
                stream.write(head)
                shutil.copyfileobj(shown, stream)
                stream.write(tail)
            os.replace(partial, path)
        finally:
            if os.path.exists(partial):
                os.remove(partial)


def embedded(content):
    """A view as an element of a page: data, which no browser runs."""
    text = json.dumps(content, allow_nan=False).translate(_HARMLESS)
    return f'<script type="application/json" class="verdict">{text}</script>'


def asset(name):
    """The text of a file of this folder, such as "verdict.js"."""
    return (_HERE / name).read_text(encoding="utf-8")


def _inline(_, data):
    return "data:image/webp;base64," + base64.b64encode(data).decode("ascii")


def _render(verdicts):
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["percent"] = percent
    style, script = asset("verdict.css") + asset("report.css"), asset("verdict.js") + asset("report.js")
    # Only this very style and script count in the page, and nothing is ever fetched.
    return environment.get_template("report.html.j2").render(
        verdicts=verdicts, words=WORDS, style=style, script=script, style_hash=_hash(style), script_hash=_hash(script)
    )


def _hash(text):
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
