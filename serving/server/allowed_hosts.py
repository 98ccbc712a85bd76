"""By which names the server may be asked, and by whose pages.

A page of another site can make its own name point to this machine (DNS rebinding). The browser then takes the server
for that site, and lets the page post and read; but it still sends the page's name as `Host`.
"""

import ipaddress
import re
from collections.abc import Iterable

from serving.server.refusals import Refusal, VideoRefusal

ANY = "*"
HEALTH = ("/healthz", "/readyz")  # tell nothing about anybody, and probes ask by names of their own
_NAME = re.compile(r"[a-z0-9_.-]{1,253}|\[[0-9a-f:.]{2,45}\]")
_DEFAULT_PORTS = {"http": "80", "https": "443"}


def parse_hosts(text: str) -> frozenset[str]:
    """Parse the flag `--allowed_hosts`: names and addresses with commas between, or `*`.

    Raises:
        ValueError: an entry is none; says which.
    """
    hosts = set()
    for entry in filter(None, (entry.strip() for entry in text.split(","))):
        name = _plain(f"[{entry}]" if entry.count(":") > 1 and not entry.startswith("[") else entry)
        if entry != ANY and (name is None or (_split(entry)[1] and entry.count(":") == 1)):
            raise ValueError(f"{entry[:80]!r} is no host. Give names without a port, with commas between, or *")
        hosts.add(ANY if entry == ANY else str(name))
    return frozenset(hosts)


class AllowedHosts:
    """Decides by the headers `Host` and `Origin` whether a request is meant for this server.

    Args:
        names: from `parse_hosts`; in addition to the machine's own loopback names, and the address at which the request
            has arrived.
        bound: the address that the server was told to listen on.
    """

    def __init__(self, names: Iterable[str] = (), bound: str = "") -> None:
        self._named = frozenset(names)
        self._bound = _plain(f"[{bound}]" if ":" in bound else bound)

    def check(self, path: str, host: str | None, origin: str | None, arrived_at: str) -> None:
        """Let a request pass, or refuse it.

        Args:
            path: of the request.
            host: its header, or None; without one, no browser has sent it.
            origin: its header, or None; browsers say in it whose page asks.
            arrived_at: the server's own address on this connection.

        Raises:
            Refusal: 421, it is meant for another host; 403, a page of another site asks.
        """
        if path in HEALTH:
            return
        if host is not None and not self._is_own(host, arrived_at):
            name = "".join(c for c in _split(host)[0] if c.isprintable())[:80]
            raise Refusal(
                421,
                f'This server is not called "{name}". If it is to be, start it with --allowed_hosts={name}',
            )
        if origin is not None and not self._is_same_site(origin, host or ""):
            message = (
                "A page of another site may not do this: use the server's own page, or a program. If the page is this "
                "server's own, behind a proxy, start the server with --allowed_hosts and the proxy's name"
            )
            raise VideoRefusal(403, "cross_site", message)

    def _is_own(self, host: str, arrived_at: str) -> bool:
        name = _plain(host)
        if name is None:
            return False
        if ANY in self._named or name in self._named or name == self._bound:
            return True
        return name == "localhost" or _is_loopback(name) or name == _plain(arrived_at)

    def _is_same_site(self, origin: str, host: str) -> bool:
        scheme, _, place = origin.partition("://")
        name, port = _split(place)
        if _plain(name) is None or scheme not in _DEFAULT_PORTS:
            return False  # "null" is what a browser sends for pages that have no site
        if _plain(name) in self._named:
            return True
        own_name, own_port = _split(host)
        default = _DEFAULT_PORTS[scheme]
        return _plain(own_name) == _plain(name) and (own_port or default) == (port or default)


def _split(place: str) -> tuple[str, str]:
    """A host and its port, "" if there is none."""
    match = re.fullmatch(r"(.*?)(?::(\d{1,5}))?", place.strip(), re.DOTALL)
    assert match is not None
    return (place, "") if place.count(":") > 1 and not place.startswith("[") else (match[1], match[2] or "")


def _plain(host: str) -> str | None:
    """A host without its port, in lower case; an address of IPv6 in its usual form. None if it cannot be one."""
    name = _split(host)[0].lower().removesuffix(".")
    if ":" in name and not name.startswith("["):
        name = f"[{name}]"
    if not _NAME.fullmatch(name):
        return None
    if name.startswith("["):
        try:
            address = ipaddress.IPv6Address(name[1:-1])
        except ValueError:
            return None
        return str(address.ipv4_mapped or f"[{address.compressed}]")
    return name


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False
