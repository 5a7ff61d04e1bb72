"""What the usage queries of all dialects share: finding the meter, naming fields, and the answer's size."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Protocol

from dynameter.billing.customers.customer import Customer
from dynameter.dialects.answer_size import refuse_large
from dynameter.dialects.bodies import refuse
from dynameter.dialects.csv import csv_response
from dynameter.errors import FieldError, InvalidInput, NotFound
from dynameter.filters import Filter, InvalidFilter, Vocabulary, read_filter
from dynameter.http.message import Request, Response
from dynameter.meters.meter import Meter
from dynameter.meters.quantity import render_text
from dynameter.meters.service import MeterService
from dynameter.usage.queries.query import CUSTOMER, MAX_ENTRIES, SUBJECT, UsageAnswer
from dynameter.usage.windows import load_zone, render_in_zone

STATE = "dynameter-state"
"""The header that says ``rebuilding`` while a newer generation of the meter, or its first, is not complete yet."""
_SHOWN_CHARACTERS = 64


@contextmanager
def located_in(part: str) -> Iterator[None]:
    """Name ``part`` (``query``) as where an InvalidInput's fields came from."""
    try:
        yield
    except InvalidInput as error:
        fields = tuple(replace(one, location=(part, *one.location[1:])) for one in error.fields)
        raise InvalidInput(error.message, code=error.code, fields=fields) from None


def find_live(request: Request, meters: MeterService, id_or_slug: str) -> Meter:
    """The meter that a query is about. Raises NotFound for a deleted one too."""
    meter = meters.find(request.principal.workspace, id_or_slug)
    if meter.deleted_at_us is not None:
        raise NotFound(f"failed to get meter: meter not found: {id_or_slug}")
    return meter


class Customers(Protocol):
    """What is needed of ``dynameter.billing.customers.service.CustomerService``."""

    def named(self, workspace: str, ids: Collection[str]) -> tuple[Customer, ...]:
        """The customers of these ids, deleted or not; NotFound for one that is unknown."""


def named_customers(request: Request, customers: Customers, ids: Sequence[str], field: str) -> dict[str, Customer]:
    """The customers that a query names in ``field`` of its body. Raises InvalidInput for too many, and NotFound."""
    if len(ids) > MAX_ENTRIES:
        message = f"at most {MAX_ENTRIES} customers can be named"
        raise refuse("invalid query", [FieldError(("body", field), "max_items", message)])
    if not ids:
        return {}
    return {one.id: one for one in customers.named(request.principal.workspace, ids)}


def subjects_of(customers: Mapping[str, Customer]) -> dict[str, tuple[str, ...]]:
    """The subjects of each customer, as ``UsageQuery`` has them."""
    return {name: one.subjects for name, one in customers.items()}


def read_group_filters(
    sent: Mapping[str, Any], vocabulary: Vocabulary[str], place: tuple[str, ...]
) -> dict[str, Filter[str]]:
    """The filter of each key; ``place`` is where they stand. Raises InvalidInput naming all that are none."""
    found: dict[str, Filter[str]] = {}
    wrong: list[FieldError] = []
    for key, condition in sent.items():
        try:
            found[key] = read_filter(condition, vocabulary)
        except InvalidFilter as error:
            wrong.append(FieldError((*place, key[:_SHOWN_CHARACTERS], *error.place), error.rule, error.reason))
    if wrong:
        raise refuse("invalid query", wrong)
    return found


def csv_answer(
    meter: Meter,
    answer: UsageAnswer,
    ends: tuple[str, str],
    of_customer: Mapping[str, Callable[[str], str]] | None = None,
) -> Response:
    """The answer as a file; ``ends`` are its dialect's names of a window's start and end.

    Where customers were named, ``of_customer`` has its dialect's columns after the subject, each computed from the
    customer's id. Without it the id stands among the groups.
    """
    query, zone = answer.query, load_zone(answer.query.time_zone)
    own = (of_customer or {}) if query.customers else {}
    among_groups = {CUSTOMER} if query.customers and not own else set()
    keys = sorted(({*query.group_by} - {SUBJECT, CUSTOMER}) | among_groups)
    subject = (SUBJECT,) if query.by_subject else ()
    rows = (
        (
            render_in_zone(row.start_us, zone),
            render_in_zone(row.end_us, zone),
            *(() if row.subject is None else (row.subject,)),
            *(column(row.customer or "") for column in own.values()),
            *((row.customer or "") if key == CUSTOMER else row.groups[key] for key in keys),
            render_text(row.value),
        )
        for row in answer.rows
    )
    return csv_response(meter.slug, (*ends, *subject, *own, *keys, "value"), rows)


def usage_response(meter: Meter, response: Response) -> Response:
    """The response with what is to be known of the meter; raises TooLarge where Lambda could not carry it."""
    refuse_large(response, "ask for a shorter range, a larger window or fewer groups")
    if meter.generations[-1].complete:
        return response
    return replace(response, headers={**response.headers, STATE: "rebuilding"})
