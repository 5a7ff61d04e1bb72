"""The one table of what engines get wrong. docs/engines.md has the same rows, and says what is done about each.

A test named here must fail on that engine: when a new version mends it, the test run says so and the row goes.
"""

from __future__ import annotations

import http.client
from dataclasses import dataclass
from urllib.parse import urlsplit

MOTO = "Moto"
MINISTACK = "ministack"
DYNAMODB_LOCAL = "DynamoDB Local"
AWS = "AWS"
OTHER = "another engine"

_ASK_S = 5


@dataclass(frozen=True, slots=True)
class Fault:
    """What an engine does otherwise than DynamoDB; ``test`` is the function that shows it."""

    engine: str
    test: str
    what: str


_NO_PARAMETERS = "PartiQL takes no parameters"
_ONE_UNIT_A_QUERY = "a query consumes one unit at most, whatever it reads"

FAULTS = (
    Fault(MOTO, "test_partiql_inserts_report_each_duplicate_and_overwrite_nothing", _NO_PARAMETERS),
    Fault(MOTO, "test_25_inserts_fit_in_a_call", _NO_PARAMETERS),
    Fault(MOTO, "test_partiql_inserts_reach_the_stream", _NO_PARAMETERS),
    Fault(MOTO, "test_partiql_inserts_consume_what_puts_do", _NO_PARAMETERS),
    Fault(MOTO, "test_events_that_are_stored_by_partiql_are_told_apart", _NO_PARAMETERS),
    Fault(MOTO, "test_a_larger_put_consumes_a_unit_a_kilobyte_begun", "a write consumes one unit, whatever its size"),
    Fault(MOTO, "test_an_item_in_an_index_consumes_as_much_again", "indexes consume nothing"),
    Fault(MOTO, "test_a_consistent_read_consumes_a_unit_any_other_half_of_one", "every read consumes half a unit"),
    Fault(MOTO, "test_a_read_consumes_by_the_4_kb", "every read consumes half a unit"),
    Fault(MOTO, "test_a_query_consumes_by_the_bytes_it_reads", _ONE_UNIT_A_QUERY),
    Fault(MOTO, "test_a_transaction_consumes_twice_the_units", "a transaction reports no units"),
    Fault(MOTO, "test_a_number_of_39_digits_is_refused", "numbers of any length are stored"),
    Fault(MOTO, "test_a_number_comes_back_in_its_shortest_form", "numbers come back as they were written"),
    Fault(MOTO, "test_a_put_that_changes_nothing_leaves_the_stream_alone", "an identical put makes a stream record"),
    Fault(MINISTACK, "test_partiql_inserts_reach_the_stream", "PartiQL's writes make no stream records"),
    Fault(MINISTACK, "test_partiql_inserts_consume_what_puts_do", "PartiQL's units leave indexes out"),
    Fault(MINISTACK, "test_additions_keep_38_digits", "ADD rounds to 28 digits"),
    Fault(MINISTACK, "test_a_read_consumes_by_the_4_kb", "a read consumes by no size"),
    Fault(MINISTACK, "test_a_query_consumes_by_the_bytes_it_reads", _ONE_UNIT_A_QUERY),
    Fault(DYNAMODB_LOCAL, "test_partiql_inserts_consume_what_puts_do", "PartiQL reports no units"),
)


def fault_of(engine: str, test: str) -> Fault | None:
    """The known fault of the engine that the test shows."""
    return next((one for one in FAULTS if (one.engine, one.test) == (engine, test)), None)


def kind_of(address: str) -> str:
    """Which engine answers at an address of DYNAMETER_TEST_ENDPOINT, told by how it introduces itself."""
    if address == "aws":
        return AWS
    split = urlsplit(address)
    secure = split.scheme == "https"
    connect = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = connect(str(split.hostname), split.port, timeout=_ASK_S)
    try:
        connection.request("GET", "/_ministack/health")
        answer = connection.getresponse()
        if answer.status == http.client.OK and b"services" in answer.read():
            return MINISTACK
        # DynamoDB Local is served by Jetty, whichever way it is packed.
        return DYNAMODB_LOCAL if "jetty" in (answer.getheader("Server") or "").lower() else OTHER
    except OSError:
        return OTHER
    finally:
        connection.close()
