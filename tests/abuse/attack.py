"""schemathesis over every operation of a dialect's document, through the gate.

Cases are good and bad ones of three phases: the document's examples, every bound and every kind of wrong value of each
parameter and field (coverage), and random ones (fuzzing). Most values in paths, and some in queries and bodies, name
things that exist. What schemathesis learns from answers is off, so that cases follow from the document and the seed.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.core import NotSet
from schemathesis.core.parameters import ParameterLocation
from schemathesis.engine import events, from_schema
from schemathesis.generation.meta import TestPhase

from dynameter.openapi import catalogue
from tests.abuse.gate import Gate
from tests.unit.http.house import WORKSPACE_PARAMETERS

LEFT_OUT = {
    "unsupported_method": "API Gateway answers 404, not 405, to a method that a path does not have",
    "positive_data_acceptance": "what a document cannot say is refused, too: ids that must exist, states, sums",
    "ignored_auth": "it does not work with an application in the same process; test_keys.py asks every operation",
    "use_after_free": "the gate puts everything back after each request",
    "ensure_resource_availability": "the gate puts everything back after each request",
}
"""The checks that are not made, and why."""

_ANOTHER = "page[size][key] is another parameter than page[size], and is not read"
LENIENT = {
    "GET /admin/routes": _ANOTHER,
    "GET /admin/plans": _ANOTHER,
    "GET /api/v1/meter": _ANOTHER,
    "GET /api/v1/plans": "whatever keyVersion[key] should not be is text when it arrives",
    "GET /api/v1/billing/invoices": "an empty text is an empty list",
    "GET /api/v1/billing/invoices/{invoiceId}": "an empty text is an empty list",
}
"""Operations that take what their document does not allow, and why; all others must refuse it."""

_NOT_A_FAULT = ("2xx", "3xx", "4xx", "501")
_REFUSED = ("400", "404", "409", "412", "413", "415", "422")

_EXISTING_OF_16 = 12
"""In how many of 16 cases a path's parameter names something that exists."""
_KNOWN_WORDS = 0.2
"""How often a text in a query or a body is the name of something that exists."""
_LEARNING = {"error-feedback": {"enabled": False}, "extra-data-sources": {"responses": False}}


@dataclass
class Report:
    """What became of the cases of one document. ``failures`` are one for each operation and check."""

    operations: int = 0
    cases: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    failures: dict[tuple[str, str], str] = field(default_factory=dict)

    def add(self, event: Any) -> None:
        """Count what one event of the engine tells."""
        if isinstance(event, events.NonFatalError):
            self.failures.setdefault((event.label, "generation"), f"{event.info.title}: {event.info.message}")
        if not isinstance(event, events.ScenarioFinished):
            return
        answered = [one.response.status_code for one in event.recorder.interactions.values() if one.response]
        self.cases += len(answered)
        self.statuses.update(answered)
        for checks in event.recorder.checks.values():
            for check in checks:
                if check.failure_info is not None:
                    failure, sample = check.failure_info.failure, check.failure_info.code_sample
                    told = f"{failure.title}: {failure.message}\n  {sample}"
                    self.failures.setdefault((event.label or "", check.name), told)


@dataclass(frozen=True, slots=True)
class Attack:
    """How hard to try: ``examples`` random cases an operation; of coverage's cases one in ``coverage_of`` is sent."""

    examples: int
    seed: int = 1
    coverage_of: int = 1

    def run(self, gate: Gate, dialect: str) -> Report:
        """Every operation of the dialect's document. What goes wrong behind the gate is among the failures."""
        document = catalogue.document(dialect)
        assert document is not None
        schema = schemathesis.openapi.from_dict(document, config=self._config(gate, document))
        schema.app = gate
        known = gate.tenant.parameters()

        @schema.hooks.hook
        def map_case(context: Any, case: Any) -> Any:
            return _about_what_exists(case, known)

        @schema.hooks.hook
        def filter_case(context: Any, case: Any) -> bool:
            is_one_of_many = case.meta is not None and case.meta.phase.name is TestPhase.COVERAGE
            return not is_one_of_many or _number(case, "chosen") % self.coverage_of == 0

        report = Report(operations=sum(len(methods) for methods in document["paths"].values()))
        for event in from_schema(schema).execute():
            report.add(event)
        for number, fault in enumerate(gate.take_faults()):
            report.failures[f"{dialect} behind the gate", str(number)] = fault
        return report

    def _config(self, gate: Gate, document: Mapping[str, Any]) -> SchemathesisConfig:
        words = {value for values in gate.tenant.parameters().values() for value in values}
        return SchemathesisConfig.from_dict(
            {
                "seed": self.seed,
                "workers": 1,
                "headers": {"Authorization": f"Bearer {gate.key}"},
                "continue-on-failure": True,
                "dictionaries": {"words": {"values": sorted(words)}},
                "generation": {
                    "max-examples": max(self.examples, 1),
                    "with-security-parameters": False,
                    "database": "none",
                    "dictionaries": {"string": {"dictionary": "words", "probability": _KNOWN_WORDS}},
                },
                "phases": {
                    "examples": {"enabled": True},
                    "coverage": {"enabled": True, "unexpected-methods": []},
                    "fuzzing": {"enabled": self.examples > 0, **_LEARNING},
                    "stateful": {"enabled": False},
                },
                "checks": {
                    "not_a_server_error": {"expected-statuses": list(_NOT_A_FAULT)},
                    "negative_data_rejection": {"expected-statuses": list(_REFUSED)},
                    **{name: {"enabled": False} for name in LEFT_OUT},
                },
                "operations": [
                    *(
                        {"include-name": name, "checks": {"negative_data_rejection": {"enabled": False}}}
                        for name in LENIENT
                    ),
                    *(
                        {"include-name": name, "phases": {"fuzzing": {"generation": {"mode": "positive"}, **_LEARNING}}}
                        for name in _asked_by_path_alone(document)
                    ),
                ],
                "suppress-health-check": ["filter_too_much", "too_slow"],
            }
        )


def _asked_by_path_alone(document: Mapping[str, Any]) -> Iterator[str]:
    """Operations at which almost nothing can be wrong: schemathesis would search for it for minutes."""
    for path, methods in document["paths"].items():
        for method, one in methods.items():
            if "requestBody" not in one and all(named["in"] == "path" for named in one.get("parameters", ())):
                yield f"{method.upper()} {path}"


def _about_what_exists(case: Any, known: Mapping[str, tuple[str, ...]]) -> Any:
    """The case, its path mostly about something that there is, and always of the key's own workspace."""
    if case.meta is None or not case.path_parameters or case.meta.is_negative_at(ParameterLocation.PATH):
        return case
    for name in case.path_parameters:
        number = _number(case, name)
        if name in WORKSPACE_PARAMETERS or number % 16 < _EXISTING_OF_16:
            case.path_parameters[name] = known[name][number // 16 % len(known[name])]
    return case


def _number(case: Any, salt: str) -> int:
    body = None if isinstance(case.body, NotSet) else case.body
    told = (salt, case.operation.label, case.path_parameters, case.query, dict(case.headers or {}), body)
    return zlib.crc32(repr(told).encode("utf-8", "surrogatepass"))
