"""Access logs of Application Load Balancers.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html
Bytes are those on the wire, headers included.
"""

from __future__ import annotations

from dynameter.gateway.accesslogs.clf import split_request
from dynameter.gateway.accesslogs.entry import (
    Entry,
    MalformedLine,
    present,
    read_count,
    read_status,
    read_time,
    split_quoted,
)

FIELDS = (
    "type",
    "time",
    "elb",
    "client:port",
    "target:port",
    "request_processing_time",
    "target_processing_time",
    "response_processing_time",
    "elb_status_code",
    "target_status_code",
    "received_bytes",
    "sent_bytes",
    "request",
    "user_agent",
    "ssl_cipher",
    "ssl_protocol",
    "target_group_arn",
    "trace_id",
    "domain_name",
    "chosen_cert_arn",
    "matched_rule_priority",
    "request_creation_time",
    "actions_executed",
    "redirect_url",
    "error_reason",
    "target:port_list",
    "target_status_code_list",
    "classification",
    "classification_reason",
    "conn_trace_id",
)
"""In this order; AWS adds new ones at the end."""
REQUIRED_FIELDS = FIELDS.index("trace_id") + 1


def parse_alb(line: str) -> Entry:
    """A line. Raises ``MalformedLine``."""
    fields = dict(zip(FIELDS, split_quoted(line), strict=False))
    if len(fields) < REQUIRED_FIELDS:
        raise MalformedLine(f"has {len(fields)} of at least {REQUIRED_FIELDS} fields")
    started = present(fields.get("request_creation_time", "")) or fields["time"]
    status = read_status(fields["elb_status_code"])
    method, path = split_request(fields["request"])
    # A client may send the same trace id with all of its requests; its port and the time tell them apart.
    trace = present(fields["trace_id"])
    fields["client"] = fields["client:port"].rpartition(":")[0]
    return Entry(
        id=f"{trace}/{started}/{fields['client:port']}" if trace else "",
        time_us=read_time(started),
        method=method,
        path=path,
        status=status,
        response_bytes=read_count(fields["sent_bytes"], "sent_bytes"),
        request_bytes=read_count(fields["received_bytes"], "received_bytes"),
        fields=fields,
    )
