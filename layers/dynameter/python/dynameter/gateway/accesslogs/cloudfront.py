"""CloudFront's standard logs: W3C extended, tab separated, values percent-encoded.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logs-reference.html
Bytes are those on the wire, headers included; the time is when the edge finished the response.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import unquote

from dynameter.gateway.accesslogs.entry import (
    Entry,
    MalformedLine,
    present,
    read_count,
    read_method,
    read_path,
    read_status,
    read_time,
    utc_time,
)

DEFAULT_FIELDS = (
    "date time x-edge-location sc-bytes c-ip cs-method cs(host) cs-uri-stem sc-status cs(referer) cs(user-agent) "
    "cs-uri-query cs(cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes time-taken "
    "x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type cs-protocol-version fle-status "
    "fle-encrypted-fields c-port time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len "
    "sc-range-start sc-range-end"
)
"""Of a file without a line ``#Fields``."""
MAX_FIELDS = 200

_DIRECTIVE = "#Fields:"
_MILLISECONDS = "timestamp(ms)"


class CloudFrontParser:
    """Reads lines in the order of the file, for a directive says which fields those after it have."""

    def __init__(self) -> None:
        self._names: Sequence[str] = DEFAULT_FIELDS.split()

    def __call__(self, line: str) -> Entry | None:
        """A line; None for a directive. Raises ``MalformedLine``."""
        if line.startswith("#"):
            if line.startswith(_DIRECTIVE):
                self._names = line[len(_DIRECTIVE) :].lower().split()[:MAX_FIELDS]
            return None
        values = line.split("\t")
        if len(values) < 2:
            raise MalformedLine("its values are not separated by tabs")
        fields = dict(zip(self._names, values, strict=False))
        status = read_status(_required(fields, "sc-status"))
        return Entry(
            id=present(fields.get("x-edge-request-id", "")),
            time_us=_time(fields),
            method=read_method(_required(fields, "cs-method")),
            path=read_path(_required(fields, "cs-uri-stem")),
            status=status,
            response_bytes=read_count(fields.get("sc-bytes", ""), "sc-bytes"),
            request_bytes=read_count(fields.get("cs-bytes", ""), "cs-bytes"),
            fields={name: unquote(value) for name, value in fields.items()},
        )


def _time(fields: dict[str, str]) -> int:
    if stamp := present(fields.get(_MILLISECONDS, "")) or present(fields.get("timestamp", "")):
        return read_time(stamp)
    return utc_time(_required(fields, "date"), _required(fields, "time"))


def _required(fields: dict[str, str], name: str) -> str:
    found = fields.get(name)
    if found is None:
        raise MalformedLine(f"there is no field {name}")
    return found
