"""How much of a feature a customer used: what invoices, entitlements and thresholds count."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Protocol

from dynameter.billing.customers.customer import Customer
from dynameter.billing.features.feature import Feature
from dynameter.billing.pricing.money import total
from dynameter.clock import HOUR_US, MINUTE_US
from dynameter.errors import AlreadyExists, TooLarge, Unavailable
from dynameter.filters import Filter, Operator, condition
from dynameter.meters.meter import Aggregation, Meter
from dynameter.usage.queries.edges import EDGE_TOO_LARGE
from dynameter.usage.queries.query import UsageAnswer, UsageQuery, cut
from dynameter.usage.rows.budget import QUERY_TOO_LARGE
from dynameter.usage.windows import Window

SOURCE_PATH = "$.metering_source"
"""Where Amigo's events say whether they are production or simulation."""
PRODUCTION = "production"

_ADDITIVE = frozenset({Aggregation.SUM, Aggregation.COUNT})
_ZERO = Decimal(0)


class NotCountedYet(Unavailable):
    """The meter is being rebuilt with a group that the feature filters by; storage is well."""


class Meters(Protocol):
    """What is needed of ``dynameter.meters.service.MeterService``."""

    def find(self, workspace: str, id_or_slug: str) -> Meter:
        """The meter of that id, deleted or not. Raises NotFound."""


class Usage(Protocol):
    """What is needed of ``dynameter.usage.queries.service.UsageService``."""

    def query(self, meter: Meter, query: UsageQuery) -> UsageAnswer:
        """Answer from usage rows, ends inside a minute exactly."""


class BillingUsage:
    """Usage of features by customers, exact to the microsecond at both ends.

    ``oldest_us`` says from when on all events are kept. A minute that an end older than that cuts does not count: it
    cannot be told which of its usage lies on which side, and nothing must count twice.
    """

    def __init__(self, meters: Meters, usage: Usage, oldest_us: Callable[[], int] = lambda: 0) -> None:
        self._meters = meters
        self._usage = usage
        self._oldest_us = oldest_us

    def of(self, workspace: str, feature: Feature, customer: Customer, from_us: int, to_us: int) -> Decimal:
        """The usage from ``from_us`` up to ``to_us``, excluded; 0 where the feature has no meter or nothing happened.

        It is the usage of the customer's subjects that the feature's filters keep, and where ``production_only`` says
        so of production alone. Raises what ``usage_filters`` and a query raise.
        """
        from_us, to_us = self._known(from_us, to_us)
        if feature.meter_id is None or from_us >= to_us or not customer.subjects:
            return _ZERO
        meter = self._meters.find(workspace, feature.meter_id)
        filters = usage_filters(meter, feature)
        query = UsageQuery(from_us, to_us, filters=filters, customers={customer.id: customer.subjects})
        return self._count(meter, query, Window(from_us, to_us))

    def is_exact(self, from_us: int, to_us: int) -> bool:
        """Whether the range can still be counted to the microsecond."""
        return self._known(from_us, to_us) == (from_us, to_us)

    def is_additive(self, workspace: str, feature: Feature) -> bool:
        """Whether the usage of a range is the sum of the usage of its parts."""
        return feature.meter_id is None or self._meters.find(workspace, feature.meter_id).aggregation in _ADDITIVE

    def _count(self, meter: Meter, query: UsageQuery, span: Window) -> Decimal:
        """The query's answer for the span; what is too much to read at once is added up of parts where it can be."""
        try:
            rows = self._usage.query(meter, replace(query, from_us=span.start_us, to_us=span.end_us)).rows
        except TooLarge as error:
            parts = _parts(span, error.code) if meter.aggregation in _ADDITIVE else ()
            if not parts:
                raise
            return total(self._count(meter, query, one) for one in parts)
        return rows[0].value if rows else _ZERO

    def _known(self, from_us: int, to_us: int) -> tuple[int, int]:
        oldest_us = self._oldest_us()
        last_us = to_us // MINUTE_US * MINUTE_US
        return (
            -(-from_us // MINUTE_US) * MINUTE_US if from_us < oldest_us else from_us,
            last_us if last_us < oldest_us else to_us,
        )


def _parts(span: Window, code: str) -> tuple[Window, ...]:
    """The parts of a span of which there was too much to read of that kind; none where it cannot be divided."""
    middle_us = (span.start_us + span.end_us) // 2
    if code == EDGE_TOO_LARGE:
        # Raw events are read of the minutes that its ends cut; of one minute they are read by halves.
        whole, edges = cut(span)
        if edges != (span,):
            return tuple(one for one in (*edges, whole) if one.start_us < one.end_us)
    elif code == QUERY_TOO_LARGE:
        middle_us = middle_us // HOUR_US * HOUR_US
    else:
        return ()
    if not span.start_us < middle_us < span.end_us:
        return ()
    return Window(span.start_us, middle_us), Window(middle_us, span.end_us)


def usage_filters(meter: Meter, feature: Feature) -> dict[str, Filter[str]]:
    """What keeps the feature's usage of the meter: its own filters, and production alone.

    Raises NotCountedYet while the meter is being rebuilt with one of the groups, and AlreadyExists where it has one no
    more: that can be dropped once the feature is archived, though somebody may have it still.
    """
    filters = {**feature.filters, **production_only(meter, feature)}
    for key in sorted(filters.keys() - meter.active_generation.group_by.keys()):
        if key in meter.group_by:
            message = f"meter {meter.slug} is being rebuilt with the groups of {feature.key}"
            raise NotCountedYet(message, retry_after_s=30)
        message = (
            f"meter {meter.slug} has no group by {key} any more, which feature {feature.key} filters by: add it again"
        )
        raise AlreadyExists(message, code="group_by_dropped")
    return filters


def production_only(meter: Meter, feature: Feature) -> Mapping[str, Filter[str]]:
    """The filters that leave simulation out: on every group-by key of Amigo's source that the feature says nothing of.

    Events without a source are none of Amigo's and count.
    """
    return {
        key: condition(Operator.IN, PRODUCTION, "")
        for key, path in meter.active_generation.group_by.items()
        if path == SOURCE_PATH and not any(meter.active_generation.group_by.get(one) == path for one in feature.filters)
    }
