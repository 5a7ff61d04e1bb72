"""The payloads of events/ are what their functions get from AWS, and each function takes its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from local.template import ROOT, Template
from tests.conftest import load_function

if TYPE_CHECKING:
    from dynameter.runtime.settings import Settings
    from tests.conftest import LambdaContext

FILES = sorted((ROOT / "events").iterdir())
FOLDERS = {one.folder.name: one for one in Template.load().functions()}
ROUTED = {route.function for route in Template.load().routes()}

NAMES_A_THING = (
    "{meterIdOrSlug}",
    "{meterId}",
    "{key_id}",
    "{subjectIdOrKey}",
    "/events/explain",
    "{void_id}",
    "{slug}",
    "/admin/routes/{id}",
    "/admin/plans/{id}",
    "/quota/commit",
    "{customerIdOrKey}",
    "{customerId}",
    "{featureIdOrKey}",
    "{invoiceId}",
    "/invoices/{invoice}",
    "/invoices/invoice",
    "{featureId}",
    "{ruleId}",
    "{channelId}",
    "{eventId}",
    "{grantId}",
)
"""Routes about a thing that is not there in empty tables."""

BEFORE = {"routes-record-meter-events": "routes-set-user-plan"}
"""Samples that only an earlier one makes possible."""


def folder_of(path: Path) -> str:
    return path.name.partition("-")[0]


def samples(*, routed: bool) -> list[Any]:
    return [
        pytest.param(path, id=path.stem)
        for path in FILES
        if folder_of(path) in FOLDERS and (FOLDERS[folder_of(path)].name in ROUTED) is routed
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_sample_is_named_after_its_function_and_case(path: Path) -> None:
    assert path.suffix == ".json"
    assert folder_of(path) in FOLDERS
    assert path.stem.partition("-")[2]


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_function_has_a_sample(folder: str) -> None:
    assert [path for path in FILES if folder_of(path) == folder]


@pytest.mark.parametrize("path", samples(routed=True))
def test_a_request_is_answered(path: Path, settings: Settings, context: LambdaContext) -> None:
    event = json.loads(path.read_text())
    function = load_function(folder_of(path))
    if path.stem in BEFORE:
        function.handler(json.loads(path.with_stem(BEFORE[path.stem]).read_text()), context)

    answer = function.handler(event, context)

    missing = any(name in event["routeKey"] for name in NAMES_A_THING)
    assert 200 <= answer["statusCode"] < 300 or (missing and answer["statusCode"] == 404), answer["body"]
    assert event["version"] == "2.0"
    assert event["requestContext"]["routeKey"] == event["routeKey"]


@pytest.mark.parametrize("path", samples(routed=False))
def test_another_event_is_taken(path: Path, settings: Settings, context: LambdaContext) -> None:
    event = json.loads(path.read_text())

    answer = load_function(folder_of(path)).handler(event, context)

    if "detail-type" in event:
        assert answer is None
    elif "identitySource" in event:
        assert isinstance(answer["isAuthorized"], bool)
    else:
        assert answer["batchItemFailures"] == []
        assert ("state" in answer) is ("window" in event)
