"""Where webhooks may go: public addresses over https. Pure; whoever connects asks ``is_public`` of each address.

A name is resolved only when it is called, and the connection goes to the very address that was looked at, so a name
that resolves to something else a moment later leads nowhere else.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

MAX_URL_CHARACTERS = 2_048
HTTPS_PORT: Final = 443

_PRINTABLE: Final = re.compile(r"[!-\[\]-~]+")
_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME: Final = re.compile(rf"(?:{_LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])")
_INNER_ZONES: Final = ("localhost", "local", "internal", "lan", "home", "corp", "intranet", "arpa", "test", "invalid")
_TRANSLATED: Final = (
    ipaddress.ip_network("64:ff9b::/96"),
    ipaddress.ip_network("64:ff9b:1::/48"),
    ipaddress.ip_network("::/96"),
)
"""IPv6 that a gateway turns into IPv4, any of it."""


class InvalidTarget(ValueError):
    """The address is none that a webhook may go to; the text says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """A webhook's address, taken apart. ``path`` has the query."""

    host: str
    port: int
    path: str


def read_target(url: str) -> Target:
    """Read the URL. Raises ``InvalidTarget``."""
    if len(url) > MAX_URL_CHARACTERS:
        raise InvalidTarget(f"must have at most {MAX_URL_CHARACTERS} characters")
    if not _PRINTABLE.fullmatch(url):
        raise InvalidTarget("must consist of printable ASCII characters; encode others")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise InvalidTarget("must be a URL") from None
    if parts.scheme != "https":
        raise InvalidTarget("must begin with https://")
    if "@" in parts.netloc:
        raise InvalidTarget("must have no user name or password")
    if parts.fragment or url.endswith("#"):
        raise InvalidTarget("must have no fragment")
    if port == 0:
        raise InvalidTarget("must have a port from 1 to 65535")
    host = (parts.hostname or "").lower()
    _check_host(host)
    path = parts.path or "/"
    return Target(host, HTTPS_PORT if port is None else port, f"{path}?{parts.query}" if parts.query else path)


def is_public(address: str) -> bool:
    """Whether the IP address is one of the public internet: not private, local, shared, reserved or multicast."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        if found.scope_id is not None or found.teredo or found.sixtofour or found.ipv4_mapped:
            return False
        if any(found in network for network in _TRANSLATED):
            return False
    return found.is_global and not found.is_multicast and not found.is_reserved


def _check_host(host: str) -> None:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        if not is_public(host):
            raise InvalidTarget("must not be a private or reserved address")
        return
    # A last label of digits, as in 127.1 or 0x7f.1, is what some resolvers take for an address.
    if len(host) > 253 or not _NAME.fullmatch(host):
        raise InvalidTarget("must have a full host name, such as hooks.example.com")
    if host.rpartition(".")[2] in _INNER_ZONES:
        raise InvalidTarget("must not be a name of a private network")
