"""How a meter's generations follow each other. Pure.

At most two are folded at once: the one that queries read, and a newer one whose rebuild is under way. When that is
complete it takes the older one's place, in one write of the meter; until then no answer sees it. No number is ever
given twice, because what was folded under it may still be in the usage table: the newest is never dropped, only
replaced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from dynameter.clock import MICROSECONDS
from dynameter.meters.meter import Generation, Meter


def first_generation(group_by: Mapping[str, str], live_from_us: int) -> Generation:
    """The generation of a new meter; queries read it as far as it is."""
    return Generation(1, _sorted(group_by), live_from_us, complete=False, confirmed=False)


def with_grouping(meter: Meter, group_by: Mapping[str, str], live_from_us: int) -> Meter:
    """The meter grouped otherwise: a generation that begins beside the active one, in place of any unfinished.

    Unchanged where it is grouped like that already.
    """
    wanted = _sorted(group_by)
    if wanted == dict(meter.group_by):
        return meter
    following = Generation(meter.generations[-1].number + 1, wanted, live_from_us, complete=False, confirmed=False)
    return replace(meter, group_by=wanted, generations=(meter.active_generation, following))


def with_rebuild(meter: Meter, live_from_us: int) -> Meter:
    """The meter to be counted anew as it is grouped: a generation beside the active one, in place of any unfinished.

    Its number is at least the epoch second at which it begins: a catalog that was restored to an older state does not
    know the numbers given since, and under those the usage table has rows.
    """
    number = max(meter.generations[-1].number + 1, live_from_us // MICROSECONDS)
    following = Generation(number, _sorted(meter.group_by), live_from_us, complete=False, confirmed=False)
    return replace(meter, generations=(meter.active_generation, following))


def with_later_start(meter: Meter, live_from_us: int) -> Meter:
    """The meter with its newest generation begun anew, under another number: that one's rows are never read."""
    late = meter.generations[-1]
    fresh = replace(late, number=late.number + 1, live_from_us=live_from_us, complete=False, confirmed=False)
    active = fresh.number if meter.active == late.number else meter.active
    return replace(meter, generations=(*meter.generations[:-1], fresh), active=active)


def with_confirmed(meter: Meter, number: int) -> Meter:
    """The meter with that generation's definition known to have been there in time."""
    kept = tuple(replace(one, confirmed=True) if one.number == number else one for one in meter.generations)
    return replace(meter, generations=kept)


def with_complete(meter: Meter, number: int) -> Meter:
    """The meter with that generation's rebuild done; it is read from now on, and what is older is dropped.

    Unchanged where the generation is gone or complete already.
    """
    if is_settled(meter, number):
        return meter
    kept = tuple(
        replace(one, complete=True) if one.number == number else one
        for one in meter.generations
        if one.number >= number
    )
    return replace(meter, generations=kept, active=number)


def is_settled(meter: Meter, number: int) -> bool:
    """Whether there is no more to rebuild for the generation: it is complete, or nobody wants it any more."""
    if meter.deleted_at_us is not None:
        return True
    return all(one.complete for one in meter.generations if one.number == number)


def _sorted(group_by: Mapping[str, str]) -> dict[str, str]:
    return dict(sorted(group_by.items()))
