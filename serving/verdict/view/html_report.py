"""One HTML page with verdicts, pictures, styles and script; it opens anywhere and fetches nothing."""

import base64
import hashlib
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict, cast

import jinja2

from artifacts import writing
from artifacts.visible import as_text, for_page
from commands.parser import version
from serving.verdict.outcomes import WORDS
from serving.verdict.own_outputs import MARK
from serving.verdict.statement import from_to, percent
from serving.verdict.verdict_json import Json
from serving.verdict.view.verdict_view import VerdictView

_HERE = Path(__file__).parent
_IN_MEMORY = 1 << 24  # bytes of a report that are held before they go to a temporary file
_SCRIPTS = ("elements.js", "timeline.js", "about.js", "verdict.js")
# "<" could end a script element; the others could harm programs that read the page and are no browsers.
_HARMLESS = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


class NotInIt(TypedDict):
    """Names of files that lack something; for all three see `VerdictsJson`."""

    passed_over: Sequence[str]
    not_examined: Sequence[str]
    not_drawn: Sequence[str]


ALL_IN_IT: NotInIt = {"passed_over": (), "not_examined": (), "not_drawn": ()}


class HtmlReport:
    """Verdicts on some files as one page. Equal views give equal bytes.

    Only one view at a time is held in memory.

    Args:
        path: of the HTML file; it appears when it is whole.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = str(path)
        self._rows: list[VerdictView] = []
        # Open until `close`: the views of all files go through it.
        self._data = tempfile.SpooledTemporaryFile(  # noqa: SIM115
            _IN_MEMORY, "w+", encoding="utf-8", newline="\n"
        )

    def close(self) -> None:
        """Free what is held."""
        self._data.close()

    def add(self, view: VerdictView) -> None:
        """Add a file's view, with pictures as `inline` gives them."""
        self._rows.append(view | {"pictures": None})
        self._data.write(_embedded(view))

    @property
    def files(self) -> int:
        """How many files are in it."""
        return len(self._rows)

    def write(self, lacking: NotInIt = ALL_IN_IT) -> None:
        """Write the page.

        Args:
            lacking: which files lack something.

        Raises:
            InputError: it cannot be written.
        """
        head, tail = _render(self._rows, lacking)
        self._data.seek(0)
        with (
            writing.whole(self.path) as partial,
            open(partial, "w", encoding="utf-8", errors="backslashreplace", newline="\n") as stream,
        ):
            stream.write(head)
            shutil.copyfileobj(self._data, stream)
            stream.write(tail)


def page_of(content: bytes, address: str, pictures: Mapping[str, bytes]) -> bytes:
    """The same page, for one view whose pictures lie elsewhere.

    Args:
        content: the view as JSON.
        address: what the addresses of the pictures begin with.
        pictures: the rest of each address, without the slash between -> WebP bytes.

    Returns:
        HTML, UTF-8.
    """

    def inlined(value: Json | str | None) -> Json | str | None:
        if isinstance(value, dict):
            return {key: inlined(below) for key, below in value.items()}
        if isinstance(value, str):
            path = value.removeprefix(f"{address}/")
            return inline(path, pictures[path])
        return None

    view: VerdictView = json.loads(content)
    view["pictures"] = inlined(view["pictures"])
    head, tail = _render([view])
    return (head + _embedded(view) + tail).encode("utf-8", "backslashreplace")


def inline(path: str, data: bytes) -> str:
    """The address of a picture that lies in the page itself; a `PictureAddress`."""
    return "data:image/webp;base64," + base64.b64encode(data).decode("ascii")


def style() -> str:
    """The style sheet of a verdict."""
    return _asset("verdict.css")


def script() -> str:
    """The script that draws a verdict."""
    return "".join(map(_asset, _SCRIPTS))


def _asset(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _embedded(view: VerdictView) -> str:
    """A view as an element of the page; it is data, which no browser runs."""
    text = json.dumps(for_page(view), allow_nan=False).translate(_HARMLESS)
    return f'<script type="application/json" class="verdict">{text}</script>\n'


def _render(rows: Sequence[VerdictView], lacking: NotInIt = ALL_IN_IT) -> tuple[str, str]:
    """What stands before and after the data of the verdicts."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        finalize=for_page,
    )
    environment.filters["percent"] = percent
    environment.filters["from_to"] = from_to
    styles, scripts = style() + _asset("report.css"), script() + _asset("report.js")
    # The page's policy allows this very style and script only, and nothing is ever fetched.
    page = environment.get_template("report.html.j2").render(
        verdicts=rows,
        names=short_names([row["file"] for row in rows]),
        lacking={name: [as_text(path) for path in cast(Sequence[str], paths)] for name, paths in lacking.items()},
        version=version(),
        mark=MARK,
        words=WORDS,
        style=styles,
        script=scripts,
        style_hash=_hash(styles),
        script_hash=_hash(scripts),
    )
    head, tail = page.split("<!-- verdicts -->\n")
    return head, tail


def short_names(files: Sequence[str]) -> list[str]:
    """The shortest ends of some paths by which they can be told apart; equal paths stay whole."""
    parts = [file.split("/") for file in files]
    shown = [1] * len(files)
    names = [of[-1] for of in parts]
    while True:
        counts = Counter(names)
        unclear = [k for k, name in enumerate(names) if counts[name] > 1 and shown[k] < len(parts[k])]
        if not unclear:
            return names
        for k in unclear:
            shown[k] += 1
            names[k] = "/".join(parts[k][-shown[k] :])


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
