"""The server's command line."""

import os
from collections.abc import Sequence

from pydantic import Field, PositiveFloat, field_validator

from artifacts.errors import InputError
from commands.flags import Flags
from commands.parameters import Parameters
from commands.parser import CommandParser, called_as
from serving.default_model import CHOICE
from serving.server.allowed_hosts import parse_hosts
from serving.server.server_limits import ServerLimits

DESCRIPTION = """\
Serve a model: TensorFlow Serving's REST protocol, verdicts on videos, and a web page.

    python -m serving.server
    python -m serving.server --model /models/deepfake --port 8501
    curl http://127.0.0.1:8501/v1/models/deepfake

New versions in the model's folder are loaded while the server runs; a version that does not work is refused, and the
old one stays. Ctrl-C or SIGTERM stops the server once the requests that have begun are answered. All videos that wait
or are being assessed are cancelled, and no verdict is kept.
"""
EPILOG = """\
exit codes: 0 stopped; 2 an error that you can fix, named in the message: no model, port in use, wrong option
"""
TOKEN_VARIABLE = "DEEPFAKE_TOKEN"


class ServerSettings(Parameters):
    """What is served, and where."""

    model: str | None = Field(
        None,
        description="Folder with versions, as Pusher and TensorFlow Serving have it, or one SavedModel. Default: "
        f"{CHOICE}.",
    )
    model_name: str = Field("deepfake", pattern=r"^[\w.-]+$", description="Name of the model in URLs.")
    host: str = Field(
        "127.0.0.1", description="Address to listen on; 0.0.0.0 is for other machines, too: then set a token."
    )
    allowed_hosts: str = Field(
        "",
        description="Further names by which clients may ask, with commas between; * allows any. Without it: localhost, "
        "loopback addresses, the --host, and the address at which a request arrives. Others are answered with 421, but "
        "for /healthz and /readyz. Pages of these names may ask, too.",
    )
    port: int = Field(8501, ge=0, le=65535, description="Port to listen on; 0 chooses a free one and prints it.")
    access_log: str | None = Field(
        None,
        description="File for the access log, a line for each request in the Combined Log Format; - is standard "
        "output, /dev/null none. Without it: standard error. A file that is moved away is opened anew. Of a job's id "
        "the first 6 characters are logged.",
    )
    trial_seconds: PositiveFloat = Field(
        120.0,
        description="Seconds in which a new version must load and answer in a process of its own, or it is refused.",
    )
    poll_seconds: PositiveFloat = Field(2.0, description="Seconds between two looks for a new version.")

    @field_validator("allowed_hosts")
    @classmethod
    def _are_hosts(cls, text: str) -> str:
        parse_hosts(text)
        return text


class ServerOptions(ServerSettings):
    """All options of a server.

    Attributes:
        token: what clients must send as `Authorization: Bearer`, or None.
        limits: what clients may ask for.
    """

    token: str | None = Field(None, repr=False)
    limits: ServerLimits = Field(default_factory=ServerLimits)


class _CommandLine(ServerLimits, ServerSettings):
    """All fields that are flags; those of the last base come first in the help."""


def parse_options(arguments: Sequence[str] | None = None) -> ServerOptions:
    """Parse the command line.

    Raises:
        InputError: a value is wrong; the message names its flag.
    """
    parser = CommandParser(prog=called_as("serving.server", "deepfake-serve"), description=DESCRIPTION, epilog=EPILOG)
    flags = Flags(parser, _CommandLine)
    secret = parser.add_mutually_exclusive_group()
    secret.add_argument(
        "--token",
        metavar="TEXT",
        help="clients must send 'Authorization: Bearer TEXT'. Other users of this machine can see it in the list of "
        f"processes: prefer --token_file or the variable {TOKEN_VARIABLE} (default: no token is needed)",
    )
    secret.add_argument("--token_file", metavar="FILE", help="read the token from a file")
    parsed = parser.parse_args(arguments)
    given = flags.read(parsed)
    limits = ServerLimits(**given.model_dump(include=set(ServerLimits.model_fields)))
    settings = given.model_dump(include=set(ServerSettings.model_fields))
    return ServerOptions(**settings, token=_token(parsed.token, parsed.token_file), limits=limits)


def _token(token: str | None, file: str | None) -> str | None:
    """The token from the command line, a file, or the environment."""
    source = "--token"
    if file is not None:
        source = f"--token_file {file}"
        try:
            with open(file, encoding="utf-8") as stream:
                token = stream.read().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{source}: cannot be read ({getattr(error, 'strerror', error)})") from error
    elif token is None and TOKEN_VARIABLE in os.environ:
        token, source = os.environ[TOKEN_VARIABLE], f"the variable {TOKEN_VARIABLE}"
    if token is not None and not (token and token.isascii() and token.isprintable() and " " not in token):
        raise InputError(f"{source}: a token is one or more printable ASCII characters without spaces")
    return token
