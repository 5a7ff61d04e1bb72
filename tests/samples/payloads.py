"""The payloads of events/: whose they are, what must be there before, and what is answered then.

A payload is named ``<function>-<case>.json``. ``NEEDS`` says what must be there before it, ``ANSWERS`` what it is
answered then where that is not 200. Two are answered 404 all the same: the id that a reservation or a notification gets
hangs on the hour in which it is made.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from local.template import ROOT, Function, Template
from tests.samples import world as there
from tests.samples.world import Need, World

FOLDER = ROOT / "events"
_TEMPLATE = Template.load()
_ASKED = {route.function for route in _TEMPLATE.routes()}
FUNCTIONS: Mapping[str, Function] = {one.folder.name: one for one in _TEMPLATE.functions()}


@dataclass(frozen=True, slots=True)
class Sample:
    """One payload: its file, and what must be there before its function gets it."""

    path: Path
    needs: Sequence[Need] = ()

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self.path.stem

    @property
    def folder(self) -> str:
        """The folder of its function."""
        return self.name.partition("-")[0]

    @property
    def function(self) -> Function:
        """Its function."""
        return FUNCTIONS[self.folder]

    @property
    def command(self) -> str:
        """The line that sends it to its function with SAM."""
        return f"sam local invoke {self.function.name} -e events/{self.path.name}"

    @property
    def is_request(self) -> bool:
        """Whether it comes from the API, not to its authorizer, a stream's reader or a rule's target."""
        return self.function.name in _ASKED

    @property
    def wants_new_process(self) -> bool:
        """Whether a process that has seen other tables would not do: it remembers the meters of quotas by their ids."""
        return self.name.endswith("-quota")

    def event(self) -> dict[str, Any]:
        """What the file holds."""
        found: dict[str, Any] = json.loads(self.path.read_text())
        return found

    def prepare(self, world: World) -> None:
        """Make what it names."""
        for need in self.needs:
            need(world)

    def check(self, answer: Any) -> None:
        """Fail unless the function's answer is the one expected."""
        event = self.event()
        if self.is_request:
            assert answer["statusCode"] == _ANSWERED.get(self.name, HTTPStatus.OK), answer
        elif "identitySource" in event:
            assert answer["isAuthorized"] is True, answer
            assert answer["context"]["workspace"], answer
        elif "Records" in event:
            assert answer["batchItemFailures"] == [], answer
            assert ("state" in answer) is ("window" in event), answer
        else:
            assert answer is None, answer


NEEDS: Mapping[Need, Sequence[str]] = {
    there.tokens_meter: (
        "aggregate-insert",
        "aggregate-void",
        "meters-delete-v1",
        "meters-get-v1",
        "meters-group-values-v1",
        "meters-group-values-zuplo",
        "meters-query-csv-v1",
        "meters-query-post-v1",
        "meters-query-v1",
        "meters-rebuild",
        "meters-recount",
        "meters-state",
        "meters-update-v1",
        "meters-used-subjects-v1",
    ),
    there.requests_meter: ("meters-query-zuplo",),
    there.runs_meter: ("meters-query-v3",),
    there.run_event: ("meters-explain-event",),
    there.subject: ("meters-delete-subject", "meters-get-subject"),
    there.void: ("meters-delete-void", "meters-get-void"),
    there.customer: (
        "billing-delete-customer-v1",
        "billing-delete-customer-v3",
        "billing-get-customer-access-v1",
        "billing-get-customer-v1",
        "billing-get-customer-v3",
        "billing-replace-customer-v1",
        "billing-replace-customer-v3",
    ),
    there.feature: (
        "billing-archive-feature-v1",
        "billing-archive-feature-v3",
        "billing-create-entitlement-v1",
        "billing-get-feature-v1",
        "billing-get-feature-v3",
    ),
    there.featured_customer: ("billing-create-entitlement-v2",),
    there.entitled_customer: (
        "billing-create-grant-v1",
        "billing-delete-entitlement-v1",
        "billing-get-entitlement-history-v1",
        "billing-get-entitlement-value-v1",
        "billing-get-entitlement-value-v2",
        "billing-list-all-entitlements-v1",
        "billing-list-entitlements-v1",
        "billing-override-entitlement-v1",
        "billing-query-entitlement-access-v3",
        "billing-reset-entitlement-v1",
    ),
    there.customer_with_access: ("billing-list-entitlement-access-v3",),
    there.grant: ("billing-void-grant-v1",),
    there.subscriber: ("billing-issue-invoices-v1", "billing-list-charges-v3", "billing-list-invoices-v1"),
    there.invoice: ("billing-get-invoice-page", "billing-get-invoice-v1", "billing-void-invoice-v1"),
    there.channel: (
        "billing-delete-notification-channel",
        "billing-get-notification-channel",
        "billing-replace-notification-channel",
    ),
    there.rule: (
        "billing-delete-notification-rule",
        "billing-get-notification-rule",
        "billing-replace-notification-rule",
    ),
    there.route: ("routes-delete-route", "routes-get-route", "routes-try-route", "routes-update-route"),
    there.pro_plan: ("routes-delete-plan",),
    there.users_plan: ("routes-get-user-plan", "routes-record-meter-events"),
    there.key: ("access-delete-key", "access-rotate-key"),
    there.shown_key: ("authorize-request",),
}
ANSWERS: Mapping[HTTPStatus, Sequence[str]] = {
    HTTPStatus.CREATED: (
        "access-create-key",
        "billing-create-customer-v1",
        "billing-create-customer-v3",
        "billing-create-entitlement-v1",
        "billing-create-entitlement-v2",
        "billing-create-feature-v1",
        "billing-create-feature-v3",
        "billing-create-grant-v1",
        "billing-create-notification-channel",
        "billing-create-notification-rule",
        "billing-issue-invoices-v1",
        "billing-override-entitlement-v1",
        "meters-create-v1",
        "meters-create-v3",
        "meters-create-void",
        "meters-create-zuplo",
        "routes-create-plan",
        "routes-create-route",
        "routes-reserve-quota",
    ),
    HTTPStatus.ACCEPTED: (
        "emit-amigo",
        "emit-v3",
        "emit-zuplo",
        "meters-delete-void",
        "meters-rebuild",
        "routes-record-exchanges",
        "routes-record-meter-events",
    ),
    HTTPStatus.NO_CONTENT: (
        "access-delete-key",
        "billing-archive-feature-v1",
        "billing-archive-feature-v3",
        "billing-delete-customer-v1",
        "billing-delete-customer-v3",
        "billing-delete-entitlement-v1",
        "billing-delete-notification-channel",
        "billing-delete-notification-rule",
        "billing-reset-entitlement-v1",
        "billing-void-grant-v1",
        "emit-v1",
        "emit-v1-batch",
        "meters-delete-subject",
        "meters-delete-v1",
        "routes-delete-plan",
        "routes-delete-route",
    ),
    HTTPStatus.NOT_FOUND: ("billing-get-notification-event", "routes-commit-quota"),
}

_ANSWERED = {name: status for status, names in ANSWERS.items() for name in names}
_NEEDED = {name: need for need, names in NEEDS.items() for name in names}
SAMPLES = [Sample(path, (_NEEDED[path.stem],) if path.stem in _NEEDED else ()) for path in sorted(FOLDER.iterdir())]
