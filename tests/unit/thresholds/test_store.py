"""Crossings in the catalog table: stored once, sent once, with the deliveries of each channel."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dynameter.billing.thresholds import store as stores
from dynameter.billing.thresholds.crossing import DeliveryState, DeliveryStatus
from dynameter.billing.thresholds.rule import Channel
from dynameter.billing.thresholds.signature import make_secret
from dynameter.billing.thresholds.store import RuleCache, ThresholdStore, read_crossing_key
from dynameter.billing.thresholds.touch import Touch, read_touch
from dynameter.billing.thresholds.webhooks import WebhookCaller
from dynameter.dialects.openmeter_v1.notifications import webhook_body
from dynameter.errors import TooLarge
from dynameter.runtime.catalog import Catalog, key
from dynameter.runtime.settings import Settings
from dynameter.usage.rows.row import RowKey, Series, item_key
from tests.conftest import OTHER_WORKSPACE, WORKSPACE, LambdaContext, load_function
from tests.unit.thresholds.conftest import CHANNEL_ID, FEATURE, NOW_US, crossing, rule, threshold

OTHER_ID = "01KEXH0000000000000000001H"


@pytest.fixture
def store(settings: Settings, dynamodb: Any) -> ThresholdStore:
    return ThresholdStore(Catalog(dynamodb, settings.catalog_table), dynamodb, settings.catalog_table)


def status(state: DeliveryState, attempts: int = 1) -> DeliveryStatus:
    return DeliveryStatus(state, "answered 500", NOW_US, attempts)


def test_a_crossing_is_new_once_and_read_as_it_was_found(store: ThresholdStore) -> None:
    found = crossing((CHANNEL_ID,))

    assert [store.record(found), store.record(replace(found, created_at_us=NOW_US + 1))] == [True, False]
    assert store.crossing(WORKSPACE, found.id) == found
    assert store.crossing(OTHER_WORKSPACE, found.id) is None


def test_a_crossing_is_sent_once(store: ThresholdStore) -> None:
    found = crossing()
    store.record(found)

    assert [store.mark_sent(found, NOW_US + one) for one in range(2)] == [True, False]
    assert [one.sent_at_us for one in store.crossings(WORKSPACE)] == [NOW_US]


def test_a_crossing_that_is_not_there_is_not_marked(store: ThresholdStore) -> None:
    found = crossing()
    store.mark_sent(found, NOW_US)
    store.report_delivery(found, CHANNEL_ID, status(DeliveryState.SUCCESS))

    assert store.crossing(WORKSPACE, found.id) is None


def test_a_delivery_that_succeeded_stays_whatever_comes_late(store: ThresholdStore) -> None:
    found = crossing((CHANNEL_ID, OTHER_ID))
    store.record(found)
    store.report_delivery(found, CHANNEL_ID, status(DeliveryState.FAILED))
    store.report_delivery(found, CHANNEL_ID, status(DeliveryState.SUCCESS, 2))
    store.report_delivery(found, CHANNEL_ID, status(DeliveryState.FAILED, 3))
    store.report_delivery(found, OTHER_ID, status(DeliveryState.FAILED))

    (kept,) = store.crossings(WORKSPACE)

    assert kept.deliveries == {
        CHANNEL_ID: status(DeliveryState.SUCCESS, 2),
        OTHER_ID: status(DeliveryState.FAILED),
    }


def test_too_many_crossings_are_not_listed(store: ThresholdStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "MAX_LISTED", 1)
    for value in (1, 2):
        store.record(crossing(value=value))

    with pytest.raises(TooLarge):
        store.crossings(WORKSPACE)


def test_the_cache_has_every_change_that_was_answered(store: ThresholdStore) -> None:
    cache, one = RuleCache(store), rule(threshold(1))
    seen = [cache.load([WORKSPACE, OTHER_WORKSPACE])]
    store.insert(one)
    seen.append(cache.load([WORKSPACE]))
    store.replace(replace(one, version=2, disabled=True))
    seen.append(cache.load([WORKSPACE]))

    assert seen == [{}, {WORKSPACE: (one,)}, {}]


def test_the_cache_reads_rules_again_only_when_they_changed(
    store: ThresholdStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, reads = RuleCache(store), list[str]()
    store.insert(rule(threshold(1)))
    read = store.rules
    monkeypatch.setattr(store, "rules", lambda workspace: reads.append(workspace) or read(workspace))

    for _ in range(3):
        cache.load([WORKSPACE])

    assert reads == [WORKSPACE]


@pytest.mark.parametrize("subject", ["s1", "a=b", "=", "*", "#202601", "line\nbreak", "日本"])
def test_a_row_of_a_subject_is_a_touch(subject: str) -> None:
    keys = item_key(RowKey(Series(WORKSPACE, FEATURE.meter_id or "", 12), subject, 491_218, ("x",)))

    assert read_touch(keys) == Touch(WORKSPACE, FEATURE.meter_id or "", subject, 491_218)


@pytest.mark.parametrize(
    ("partition", "sort"),
    [
        ("AAAAAAAAQACAAAAAAAAAAQ.01KEXM0000000000000000000M.1*", "00491218."),
        ("AAAAAAAAQACAAAAAAAAAAQ.01KEXM0000000000000000000M.1#202601", "=s1"),
        ("!quarantine", "00491218."),
        ("!quota.AAAAAAAAQACAAAAAAAAAAQ.x=y", "="),
    ],
)
def test_other_items_of_the_usage_table_are_none(partition: str, sort: str) -> None:
    assert read_touch({"pk": {"S": partition}, "sk": {"S": sort}}) is None


def test_a_crossing_is_known_by_its_key() -> None:
    assert read_crossing_key(key(WORKSPACE, "bt.e.X")) == (WORKSPACE, "X")
    assert read_crossing_key(key(WORKSPACE, "bt.r.X")) is None


@pytest.fixture
def posted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    monkeypatch.setattr(WebhookCaller, "post", lambda _self, url, _headers, body: found.append((url, body)))
    return found


def test_the_webhooks_function_delivers_what_is_stored_and_not_what_the_event_says(
    store: ThresholdStore, context: LambdaContext, posted: list[tuple[str, bytes]]
) -> None:
    found = crossing((CHANNEL_ID,))
    store.insert(Channel(WORKSPACE, CHANNEL_ID, "C", "https://hooks.example.com/", make_secret(b"k" * 24), 0, 0))
    store.record(found)
    event = {"detail": {"workspace": WORKSPACE, "id": found.id, "data": "forged"}}
    function = load_function("webhooks")

    for _ in range(2):
        function.handler(event, context)

    assert posted == [("https://hooks.example.com/", webhook_body(found))]
