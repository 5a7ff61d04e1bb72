"""Lists of what a meter has seen, as OpenMeter v1 has them: subjects, values of a group-by key."""

from __future__ import annotations

from dynameter.clock import HOUR_US, MINUTE_US, Clock
from dynameter.dialects.bodies import renamed_fields
from dynameter.dialects.openmeter_v1.meters import meter_reference
from dynameter.dialects.parameters import read_instant, refuse_parameter
from dynameter.dialects.usage_answers import find_live, located_in, usage_response
from dynameter.errors import FieldError, InvalidInput
from dynameter.http.message import Request, Response, json_response
from dynameter.meters.meter import Meter
from dynameter.meters.service import MeterService
from dynameter.usage.queries.query import UsageQuery
from dynameter.usage.queries.service import UsageService
from dynameter.usage.subjects.service import UsedSubjects

DEFAULT_HOURS = 24
"""How far back group values are looked for where no ``from`` says."""
MAX_AGE_DAYS = 90
"""How far back ``from`` may lie for group values."""
MAX_DAYS = 30
"""What the range of group values may span; an open one ends now."""

_DAY_US = 24 * HOUR_US


def list_subjects(request: Request, meters: MeterService, subjects: UsedSubjects) -> Response:
    """GET subjects: 200 with those that used the meter from ``from`` (default: ever) to ``to``, sorted."""
    meter = find_live(request, meters, meter_reference(request))
    from_us, to_us = read_instant(request, "from"), read_instant(request, "to")
    with located_in("query"), renamed_fields("invalid query", {}):
        found = subjects.list(meter, from_us, to_us)
    return usage_response(meter, json_response(200, found))


def list_group_values(request: Request, meters: MeterService, usage: UsageService, clock: Clock) -> Response:
    """GET group-by/{key}/values: 200 with the distinct values in the range, sorted; "" where some have none."""
    meter = find_live(request, meters, meter_reference(request))
    key = _group_key(request, meter)
    from_us, to_us = _read_range(request, clock.now_us())
    with located_in("query"), renamed_fields("invalid query", {}):
        answer = usage.query(meter, UsageQuery(from_us, to_us, group_by=(key,)))
    return usage_response(meter, json_response(200, sorted(row.groups[key] for row in answer.rows)))


def _group_key(request: Request, meter: Meter) -> str:
    key = request.path.get("groupByKey", "")
    if key not in meter.active_generation.group_by:
        message = f"invalid group by: {key[:64]}"
        raise InvalidInput(message, fields=(FieldError(("path", "groupByKey"), "invalid_group_by", message),))
    return key


def _read_range(request: Request, now_us: int) -> tuple[int, int | None]:
    from_us, to_us = read_instant(request, "from"), read_instant(request, "to")
    if from_us is None:
        # A whole minute is read from usage alone.
        from_us = max(0, (now_us - DEFAULT_HOURS * HOUR_US) // MINUTE_US * MINUTE_US)
    if from_us < now_us - MAX_AGE_DAYS * _DAY_US:
        raise refuse_parameter("from", "range", f"must not be older than {MAX_AGE_DAYS} days")
    if (now_us if to_us is None else to_us) - from_us > MAX_DAYS * _DAY_US:
        raise refuse_parameter("to", "range", f"must be at most {MAX_DAYS} days after from (without it, now is)")
    return from_us, to_us
