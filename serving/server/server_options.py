"""The server's command line."""

import argparse
import dataclasses
import json
import os
import re

from pydantic import ValidationError

from artifacts.errors import InputError
from serving.server.server_limits import ServerLimits

DESCRIPTION = """\
Serve a model: TensorFlow Serving's REST protocol, verdicts on videos, and a web page.

    python -m serving.server                                    # what `make run` pushed, on this machine only
    python -m serving.server --model /models/deepfake --port 8501
    curl http://127.0.0.1:8501/v1/models/deepfake               # which version is served

New versions in the model's folder are taken up while it runs; one that does not work is refused and the old one stays.
Ctrl-C or SIGTERM stops it once the requests that it has begun are done; videos, queued and running, are cancelled, and no
verdict is kept.
"""
EPILOG = """\
exit codes: 0 stopped; 2 something that you can mend (no model, the port is taken, a wrong option), with its name
"""
_NAME = re.compile(r"[\w.-]+")


@dataclasses.dataclass(frozen=True)
class ServerOptions:
    """What the command line says.

    Attributes:
        model: a folder, see `model.saved_model.find_saved_model`; one with versions is watched.
        model_name: its name in URLs.
        host, port: where to listen; port 0 takes a free one.
        token: what clients must send as `Authorization: Bearer`, or None.
        poll_seconds: how often to look for a new version.
        limits: `ServerLimits`.
    """

    model: str = "serving_model"
    model_name: str = "deepfake"
    host: str = "127.0.0.1"
    port: int = 8501
    token: str | None = dataclasses.field(default=None, repr=False)
    poll_seconds: float = 2.0
    limits: ServerLimits = dataclasses.field(default_factory=ServerLimits)


def parse_options(arguments=None):
    """Parse the command line to `ServerOptions`.

    Raises:
        InputError: a value that cannot be; names its flag.
    """
    known = _parser().parse_args(arguments)
    given = {
        name: _number(getattr(known, name)) for name in ServerLimits.model_fields if getattr(known, name) is not None
    }
    try:
        limits = ServerLimits.model_validate(given)
    except ValidationError as error:
        raise InputError("\n".join(map(_sentence, error.errors()))) from None
    if not _NAME.fullmatch(known.model_name):
        raise InputError(f"--model_name {known.model_name!r}: may hold only letters, digits, '.', '_' and '-'")
    if not 0 <= known.port <= 65535:
        raise InputError(f"--port {known.port}: must be between 0 and 65535")
    if not known.poll_seconds > 0:
        raise InputError(f"--poll_seconds {known.poll_seconds}: must be more than 0")
    return ServerOptions(
        model=known.model,
        model_name=known.model_name,
        host=known.host,
        port=known.port,
        token=_token(known),
        poll_seconds=known.poll_seconds,
        limits=limits,
    )


def _parser():
    parser = argparse.ArgumentParser(
        prog="python -m serving.server",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    default = ServerOptions()
    parser.add_argument(
        "--model", default=default.model, metavar="FOLDER",
        help="a folder with versions, as Pusher and TensorFlow Serving know it, or one SavedModel (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--model_name", default=default.model_name, metavar="NAME",
                        help="the model's name in URLs (default: %(default)s)")  # fmt: skip
    parser.add_argument(
        "--host", default=default.host, metavar="ADDRESS",
        help="where to listen; 0.0.0.0 lets other machines in, then give a token (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--port", type=int, default=default.port, metavar="NUMBER",
                        help="0 takes a free one and prints it (default: %(default)s)")  # fmt: skip
    parser.add_argument("--poll_seconds", type=float, default=default.poll_seconds, metavar="SECONDS",
                        help="how often to look for a new version (default: %(default)s)")  # fmt: skip
    secret = parser.add_mutually_exclusive_group()
    secret.add_argument(
        "--token", metavar="TEXT",
        help="clients must send it as 'Authorization: Bearer TEXT'; other users of this machine can see it in the list "
        "of processes, so prefer --token_file or the variable DEEPFAKE_TOKEN (default: none is asked for)",
    )  # fmt: skip
    secret.add_argument("--token_file", metavar="FILE", help="the same, read from a file")
    limits = parser.add_argument_group("limits")
    for name, field in ServerLimits.model_fields.items():
        limits.add_argument(
            f"--{name}", metavar="NUMBER", help=f"{field.description} (default: {field.default:_})".replace("%", "%%")
        )
    return parser


def _number(text):
    try:
        return json.loads(text)
    except ValueError:
        return text.replace("_", "")


def _sentence(problem):
    if problem["type"] == "value_error":
        return f"limits: {problem['ctx']['error']}"
    message = problem["msg"].replace("Input should be", "must be")
    return f"--{'.'.join(map(str, problem['loc']))} {problem['input']}: {message}"


def _token(known):
    token, source = known.token, "--token"
    if known.token_file is not None:
        source = f"--token_file {known.token_file}"
        try:
            with open(known.token_file) as stream:
                token = stream.read().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{source}: cannot be read ({getattr(error, 'strerror', error)})") from error
    elif token is None and "DEEPFAKE_TOKEN" in os.environ:
        token, source = os.environ["DEEPFAKE_TOKEN"], "the variable DEEPFAKE_TOKEN"
    if token is not None and not (token and token.isascii() and token.isprintable() and " " not in token):
        raise InputError(f"{source}: a token is some printable ASCII characters without blanks")
    return token
