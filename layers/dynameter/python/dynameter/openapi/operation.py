"""An operation of the API as a document tells it. Pure.

A ``Shape`` is what pydantic can make a JSON schema of: a model, a ``TypedDict``, an annotated type.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Shape = Any

JSON = "application/json"


class Place(StrEnum):
    """Where a parameter is sent."""

    PATH = "path"
    QUERY = "query"
    HEADER = "header"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter. A list is sent as a repeated name; ``deep``: an object is sent as ``name[key]=value``."""

    name: str
    shape: Shape
    description: str
    place: Place = Place.QUERY
    required: bool = False
    deep: bool = False


@dataclass(frozen=True, slots=True)
class Body:
    """What is sent: a shape a media type. ``example`` is good in every one whose shape is no list."""

    content: Mapping[str, Shape]
    example: Any = None
    required: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """A success: what it means, its body (none: empty) a media type, its headers with what they say."""

    status: int
    description: str
    content: Mapping[str, Shape] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A route and all of its answers.

    ``parameters`` are those of query and header; the path's are the dialect's. ``refusals`` are the statuses of errors
    beside 401, 403, 413, 429, 500 and 503, which every operation has.
    """

    route: str
    id: str
    summary: str
    tag: str
    scope: str
    answers: tuple[Answer, ...]
    description: str = ""
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    refusals: tuple[int, ...] = ()

    @property
    def method(self) -> str:
        """The method in lower case."""
        return self.route.split(" ", 1)[0].lower()

    @property
    def path(self) -> str:
        """The path with its parameters in braces."""
        return self.route.split(" ", 1)[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """A wire form: its operations, what its path parameters are, and how it words an error.

    ``problem`` has the shape of its errors; ``problems`` that of single statuses where it differs.
    """

    name: str
    title: str
    description: str
    operations: tuple[Operation, ...]
    path_parameters: Mapping[str, Parameter]
    problem_type: str
    problem: Shape
    problems: Mapping[int, Shape] = field(default_factory=dict)


def json_answer(status: int, description: str, shape: Shape, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer in JSON."""
    return Answer(status, description, {JSON: shape}, headers or {})


def json_body(shape: Shape, example: Any = None, *, required: bool = True) -> Body:
    """A body in JSON."""
    return Body({JSON: shape}, example, required)


def no_content(description: str, headers: Mapping[str, str] | None = None) -> Answer:
    """204."""
    return Answer(204, description, {}, headers or {})
