"""Calling webhooks: over https, to public addresses alone, without redirects, in bounded time.

The name is resolved here, each of its addresses is looked at, and the connection is made to one of those, with the name
for the certificate; so nothing between the look and the call can lead it elsewhere.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence

from urllib3 import HTTPSConnectionPool, Timeout
from urllib3.exceptions import HTTPError

from dynameter.billing.thresholds.address import HTTPS_PORT, InvalidTarget, Target, is_public, read_target
from dynameter.billing.thresholds.delivery import Refused

CONNECT_S = 3.0
TOTAL_S = 10.0
"""For connecting and for the answer's headers."""

Resolve = Callable[[str, int], Sequence[str]]


def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a name. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


def open_pool(address: str, target: Target) -> HTTPSConnectionPool:
    """A connection to the address, verified to be the target's host."""
    return HTTPSConnectionPool(
        address,
        target.port,
        server_hostname=target.host,
        assert_hostname=target.host,
        cert_reqs="CERT_REQUIRED",
        retries=False,
        timeout=Timeout(connect=CONNECT_S, total=TOTAL_S),
        maxsize=1,
    )


class WebhookCaller:
    """POSTs webhooks. ``resolve`` and ``open_pool`` are replaced by tests."""

    def __init__(
        self, resolve: Resolve = resolve, open_pool: Callable[[str, Target], HTTPSConnectionPool] = open_pool
    ) -> None:
        self._resolve = resolve
        self._open_pool = open_pool

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        """POST the body. Raises ``Refused`` where the answer is not 2xx, or there is none."""
        try:
            target = read_target(url)
            addresses = self._resolve(target.host, target.port)
        except InvalidTarget as error:
            raise Refused(f"the URL {error}") from None
        except (OSError, UnicodeError) as error:
            raise Refused(f"the host's name cannot be resolved: {type(error).__name__}") from None
        if not addresses or not all(map(is_public, addresses)):
            raise Refused("the host's name leads to a private or reserved address")
        # Lambda reaches IPv4 without further ado.
        address = min(addresses, key=lambda one: ":" in one)
        host = f"[{target.host}]" if ":" in target.host else target.host
        host = host if target.port == HTTPS_PORT else f"{host}:{target.port}"
        try:
            with self._open_pool(address, target) as pool:
                answer = pool.request(
                    "POST",
                    target.path,
                    body=body,
                    headers={**headers, "host": host},
                    redirect=False,
                    preload_content=False,
                )
                # What it says is of no interest, however long it is.
                answer.close()
        except (HTTPError, OSError) as error:
            raise Refused(f"no answer: {type(error).__name__}") from None
        if not 200 <= answer.status < 300:
            raise Refused(f"answered {answer.status}")
