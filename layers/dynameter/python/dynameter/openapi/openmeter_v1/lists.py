"""Lists in pages, and other parts that what is billed has in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from dynameter.dialects.openmeter_v1.lists import DEFAULT_PAGE_SIZE, MAX_PAGE, MAX_PAGE_SIZE
from dynameter.filters import MAX_CHARACTERS
from dynameter.openapi.operation import Parameter
from dynameter.openapi.parameters import flag, whole
from dynameter.openapi.shapes import Instant, Ulid

PAGE = (
    whole("page", 1, MAX_PAGE, "Which page."),
    whole("pageSize", DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, "Items of a page."),
)
INCLUDE_DELETED = flag("includeDeleted", "Whether deleted ones are listed, too.")

Period = TypedDict("Period", {"from": Instant, "to": Instant})
"""A stretch of time, its end excluded."""


class Identified(TypedDict):
    """Something by its id."""

    id: Ulid


def part_of(name: str, what: str) -> Parameter:
    """A parameter that looks for a part of a text, in either case."""
    return Parameter(name, Annotated[str, Field(max_length=MAX_CHARACTERS)], f"A part of {what}, in either case.")
