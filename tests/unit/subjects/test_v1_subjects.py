"""POST, GET and DELETE of /api/v1/subjects."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from dynameter.dialects import answer_size
from tests.unit.subjects.conftest import Send

UPSERT = "POST /api/v1/subjects"
LIST = "GET /api/v1/subjects"
GET = "GET /api/v1/subjects/{subjectIdOrKey}"
DELETE = "DELETE /api/v1/subjects/{subjectIdOrKey}"


def upsert(send: Send, *subjects: dict[str, Any]) -> list[dict[str, Any]]:
    status, body, _ = send(UPSERT, body=list(subjects))
    assert status == 200, body
    return list(body)


def get(send: Send, id_or_key: str) -> tuple[int, Any]:
    return send(GET, path={"subjectIdOrKey": id_or_key})[:2]


def test_a_subject_is_created(send: Send) -> None:
    (made,) = upsert(send, {"key": "acme", "displayName": "Acme Inc", "metadata": {"hubspotId": "1", "size": 7}})

    assert made.pop("createdAt") == made.pop("updatedAt")
    assert len(made.pop("id")) == 26
    assert made == {"key": "acme", "displayName": "Acme Inc", "metadata": {"hubspotId": "1", "size": 7}}


def test_a_key_alone_is_enough(send: Send) -> None:
    (made,) = upsert(send, {"key": "acme"})

    assert made.keys() == {"id", "key", "createdAt", "updatedAt"}


def test_upserting_again_changes_what_is_sent_and_keeps_the_rest(send: Send, function: ModuleType) -> None:
    (made,) = upsert(send, {"key": "acme", "displayName": "Acme", "metadata": {"a": "b"}})
    function.__dict__["_clock"].advance(5)

    (changed,) = upsert(send, {"key": "acme", "displayName": "Acme Inc"})

    assert changed == made | {"displayName": "Acme Inc", "updatedAt": changed["updatedAt"]}
    assert changed["updatedAt"] > made["updatedAt"]


def test_null_clears(send: Send) -> None:
    upsert(send, {"key": "acme", "displayName": "Acme", "metadata": {"a": "b"}})

    (changed,) = upsert(send, {"key": "acme", "displayName": None, "metadata": None})

    assert changed.keys() == {"id", "key", "createdAt", "updatedAt"}


def test_several_are_answered_in_the_order_sent(send: Send) -> None:
    upsert(send, {"key": "b"})

    assert [one["key"] for one in upsert(send, {"key": "c"}, {"key": "a"}, {"key": "b"})] == ["c", "a", "b"]


def test_a_key_sent_twice_is_one_subject_and_the_last_wins(send: Send) -> None:
    upsert(send, {"key": "a", "displayName": "one"}, {"key": "a", "displayName": "two"})

    assert [one["displayName"] for one in send(LIST)[1]] == ["two"]


@pytest.mark.parametrize("key", ["acme", "user@example.com", "a b/c?d=e#f", "日本語", "01G65Z755AFWAKHE12NY0CQ9FH"])
def test_a_subject_is_found_by_its_key_and_by_its_id(send: Send, key: str) -> None:
    (made,) = upsert(send, {"key": key})

    assert get(send, key) == (200, made)
    assert get(send, made["id"]) == (200, made)
    assert get(send, made["id"].lower()) == (200, made)


@pytest.mark.parametrize("unknown", ["other", "01G65Z755AFWAKHE12NY0CQ9FH", "x" * 600, ""])
def test_an_unknown_subject_is_not_found(send: Send, unknown: str) -> None:
    upsert(send, {"key": "acme"})

    status, body = get(send, unknown)

    assert (status, body["title"]) == (404, "Not Found")


def test_subjects_are_listed_in_the_order_of_their_keys(send: Send) -> None:
    upsert(send, {"key": "b"}, {"key": "c"}, {"key": "a"})

    assert [one["key"] for one in send(LIST)[1]] == ["a", "b", "c"]


def test_a_long_list_says_where_it_goes_on(send: Send) -> None:
    upsert(send, *({"key": f"é{place}"} for place in range(5)))
    _, first, headers = send(LIST, ("limit", "2"))
    _, second, more = send(LIST, ("cursor", headers["dynameter-next-cursor"]))

    assert [one["key"] for one in first + second] == [f"é{place}" for place in range(5)]
    assert "dynameter-next-cursor" not in more


@pytest.mark.parametrize("by", ["key", "id"])
def test_a_deleted_subject_is_gone(send: Send, by: str) -> None:
    (made,) = upsert(send, {"key": "acme"})

    assert send(DELETE, path={"subjectIdOrKey": made[by]})[:2] == (204, None)
    assert [get(send, one)[0] for one in (made["key"], made["id"])] == [404, 404]
    assert send(LIST)[1] == []
    assert send(DELETE, path={"subjectIdOrKey": made[by]})[0] == 404


def test_a_subject_made_again_has_another_id(send: Send) -> None:
    (first,) = upsert(send, {"key": "acme", "displayName": "Acme"})
    send(DELETE, path={"subjectIdOrKey": "acme"})
    (second,) = upsert(send, {"key": "acme"})

    assert second["id"] != first["id"]
    assert "displayName" not in second
    assert get(send, first["id"])[0] == 404


def test_no_other_workspaces_subject_is_seen_or_deleted(send: Send) -> None:
    (made,) = upsert(send, {"key": "acme"})
    other = {"workspace": "00000000-0000-4000-8000-00000000000f"}

    assert send(LIST, **other)[1] == []
    assert send(GET, path={"subjectIdOrKey": made["id"]}, **other)[0] == 404
    assert send(DELETE, path={"subjectIdOrKey": "acme"}, **other)[0] == 404
    assert get(send, "acme")[0] == 200


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ([{}], "[0].key"),
        ([{"key": ""}], "[0].key"),
        ([{"key": "x" * 513}], "[0].key"),
        ([{"key": "é" * 257}], "[0].key"),
        ([{"key": 1}], "[0].key"),
        ([{"key": "a"}, {"key": "b", "displayName": ""}], "[1].displayName"),
        ([{"key": "a", "displayName": "x" * 257}], "[0].displayName"),
        ([{"key": "a", "metadata": []}], "[0].metadata"),
        ([{"key": "a", "metadata": {str(one): 1 for one in range(51)}}], "[0].metadata"),
        ([{"key": "a", "metadata": {"a": "x" * 4_100}}], "[0].metadata"),
        (["a"], "[0]"),
    ],
)
def test_a_wrong_subject_is_refused_naming_the_field_and_nothing_is_written(send: Send, sent: Any, field: str) -> None:
    status, body, _ = send(UPSERT, body=[{"key": "good"}, *sent])

    number = int(field[1]) + 1
    assert (status, body["title"]) == (400, "Bad Request")
    assert [one["field"] for one in body["extensions"]["validationErrors"]] == [f"[{number}]{field[3:]}"]
    assert send(LIST)[1] == []


@pytest.mark.parametrize(
    ("sent", "status"),
    [({"key": "a"}, 400), ("", 400), ("[", 400), ([], 400), ([{"key": "a"}] * 101, 413), ("[1e9999]", 400)],
)
def test_a_body_that_is_no_list_of_subjects_is_refused(send: Send, sent: Any, status: int) -> None:
    assert send(UPSERT, body=sent)[0] == status


@pytest.mark.parametrize(
    ("name", "value"), [("limit", "0"), ("limit", "1001"), ("cursor", "!"), ("cursor", "A" * 1100)]
)
def test_a_wrong_parameter_of_the_list_is_refused(send: Send, name: str, value: str) -> None:
    assert send(LIST, (name, value))[0] == 400


@pytest.mark.parametrize(
    ("route", "scopes"), [(UPSERT, "usage:read"), (DELETE, "usage:read"), (LIST, "meters:write"), (GET, "meters:write")]
)
def test_a_key_without_the_scope_is_forbidden(send: Send, route: str, scopes: str) -> None:
    assert send(route, body=[{"key": "a"}], path={"subjectIdOrKey": "a"}, scopes=scopes)[0] == 403


def test_a_page_too_large_for_lambda_is_refused(send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    upsert(send, {"key": "a"}, {"key": "b"})
    monkeypatch.setattr(answer_size, "MAX_ANSWER_BYTES", 150)

    assert send(LIST)[0] == 413
    assert send(LIST, ("limit", "1"))[0] == 200
