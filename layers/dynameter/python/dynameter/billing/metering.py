"""How much of a feature a customer used: what invoices, entitlements and thresholds count."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Protocol

from dynameter.billing.customers.customer import Customer
from dynameter.billing.features.feature import Feature
from dynameter.errors import Unavailable
from dynameter.filters import Filter, Operator, condition
from dynameter.meters.meter import Aggregation, Meter
from dynameter.usage.queries.query import UsageAnswer, UsageQuery

SOURCE_PATH = "$.metering_source"
"""Where Amigo's events say whether they are production or simulation."""
PRODUCTION = "production"

_ADDITIVE = frozenset({Aggregation.SUM, Aggregation.COUNT})
_ZERO = Decimal(0)


class Meters(Protocol):
    """What is needed of ``dynameter.meters.service.MeterService``."""

    def find(self, workspace: str, id_or_slug: str) -> Meter:
        """The meter of that id, deleted or not. Raises NotFound."""


class Usage(Protocol):
    """What is needed of ``dynameter.usage.queries.service.UsageService``."""

    def query(self, meter: Meter, query: UsageQuery) -> UsageAnswer:
        """Answer from usage rows, ends inside a minute exactly."""


class BillingUsage:
    """Usage of features by customers, exact to the microsecond at both ends."""

    def __init__(self, meters: Meters, usage: Usage) -> None:
        self._meters = meters
        self._usage = usage

    def of(self, workspace: str, feature: Feature, customer: Customer, from_us: int, to_us: int) -> Decimal:
        """The usage from ``from_us`` up to ``to_us``, excluded; 0 where the feature has no meter or nothing happened.

        It is the usage of the customer's subjects that the feature's filters keep, and where ``production_only`` says
        so of production alone. Raises Unavailable while the meter cannot be filtered so yet, and what a query raises.
        """
        if feature.meter_id is None or from_us >= to_us or not customer.subjects:
            return _ZERO
        meter = self._meters.find(workspace, feature.meter_id)
        filters = {**feature.filters, **production_only(meter, feature)}
        if not filters.keys() <= meter.active_generation.group_by.keys():
            raise Unavailable(f"meter {meter.slug} is being rebuilt with the groups of {feature.key}", retry_after_s=30)
        query = UsageQuery(from_us, to_us, filters=filters, customers={customer.id: customer.subjects})
        rows = self._usage.query(meter, query).rows
        return rows[0].value if rows else _ZERO

    def is_additive(self, workspace: str, feature: Feature) -> bool:
        """Whether the usage of a range is the sum of the usage of its parts."""
        return feature.meter_id is None or self._meters.find(workspace, feature.meter_id).aggregation in _ADDITIVE


def production_only(meter: Meter, feature: Feature) -> Mapping[str, Filter[str]]:
    """The filters that leave simulation out: on every group-by key of Amigo's source that the feature says nothing of.

    Events without a source are none of Amigo's and count.
    """
    return {
        key: condition(Operator.IN, PRODUCTION, "")
        for key, path in meter.active_generation.group_by.items()
        if path == SOURCE_PATH and not any(meter.active_generation.group_by.get(one) == path for one in feature.filters)
    }
