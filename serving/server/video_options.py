"""The query string of an upload: how its file is to be assessed, and how the client wants its answer."""

from dataclasses import dataclass, field
from typing import get_args

from pydantic import ValidationError
from starlette.datastructures import QueryParams

from commands.problems import phrase
from serving.server.refusals import VideoRefusal
from serving.server.server_limits import ServerLimits
from serving.verdict.input_files import Kind
from serving.verdict.verdict_options import RENAMED, VerdictOptions

MAX_WAIT = 60.0  # seconds
KINDS: tuple[Kind, ...] = get_args(Kind)
# Options of a verdict that a client may set; the time limit is the server's.
CLIENT_OPTIONS = tuple(name for name in VerdictOptions.model_fields if name != "decode_time_limit")


@dataclass(frozen=True)
class VideoOptions:
    """What a client wants to know about its file.

    Attributes:
        verdict: options of the verdict.
        kind: of the file; "crop" is a face that is already cut out.
        pictures: whether to make pictures and heat maps.
        wait: seconds that the answer may wait for the verdict.
        cancel: whether the job is cancelled when the client hangs up while it waits.
    """

    verdict: VerdictOptions = field(default_factory=VerdictOptions)
    kind: Kind = "auto"
    pictures: bool = True
    wait: float = 0.0
    cancel: bool = False


def parse_query(query: QueryParams, limits: ServerLimits) -> VideoOptions:
    """Read the options of an upload.

    Raises:
        VideoRefusal: 400, an option is unknown, given twice, or out of its range.
    """
    given: dict[str, str] = {}
    for name, value in query.multi_items():
        if name in given:
            raise _refusal(name, "is given twice")
        given[name] = value
    given.pop("name", None)  # of the file; see `uploads`
    kind = _kind(given.pop("kind", "auto"))
    wait = _seconds(given.pop("wait", "0"))
    pictures = _flag("pictures", given.pop("pictures", "true"))
    cancel = _flag("cancel", given.pop("cancel", "false"))
    return VideoOptions(_verdict_options(given, limits), kind, pictures, wait, cancel)


def _verdict_options(given: dict[str, str], limits: ServerLimits) -> VerdictOptions:
    for name in given:
        if name in RENAMED:
            raise _refusal(name, f"is now called {RENAMED[name]}")
        if name not in CLIENT_OPTIONS:
            known = ", ".join(("wait", "kind", "pictures", "cancel", *CLIENT_OPTIONS))
            raise _refusal(name, f"is not an option; the options are {known}")
    defaults = {"frames": min(VerdictOptions().frames, limits.max_frames)}
    try:
        options = VerdictOptions.model_validate(defaults | given | {"decode_time_limit": limits.video_timeout})
    except ValidationError as error:
        first = error.errors()[0]
        raise _refusal(str(first["loc"][0]), phrase(first)) from None
    if options.frames > limits.max_frames:
        raise _refusal("frames", f"must be at most {limits.max_frames}")
    return options


def _kind(text: str) -> Kind:
    for kind in KINDS:
        if kind == text:
            return kind
    raise _refusal("kind", f"must be one of {', '.join(KINDS)}")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= MAX_WAIT:
        raise _refusal("wait", f"must be a number of seconds from 0 to {MAX_WAIT:g}")
    return seconds


def _flag(name: str, text: str) -> bool:
    if text.lower() not in ("true", "false", "1", "0"):
        raise _refusal(name, "must be true or false")
    return text.lower() in ("true", "1")


def _refusal(name: str, problem: str) -> VideoRefusal:
    shown = "".join(character for character in name if character.isprintable())[:40]
    return VideoRefusal(400, "bad_option", f"{shown}: {problem}")
