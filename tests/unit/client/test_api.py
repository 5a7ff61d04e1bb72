"""The HTTP client: what it sends, what it makes of answers, and when it tries again."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from dynameter.client.api import RETRY_AFTER_MAX_S, ApiClient, ApiError, ApiUnreachable
from tests.fake_service import FakeService, Told

KEY = "dm_local_admin"
NOTHING_LISTENS = "http://127.0.0.1:9"


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def client(service: FakeService, pauses: list[float]) -> Iterator[ApiClient]:
    found = ApiClient(service.url, KEY, sleep=pauses.append, random=lambda: 1.0)
    yield found
    found.close()


def test_a_request_carries_the_key_the_query_and_json_with_every_digit(client: ApiClient, service: FakeService) -> None:
    client.request("POST", "/x", query=[("a", "1"), ("a", "2 3")], body={"n": Decimal("0.1000000000000000000001")})

    sent = service.sent[0]
    assert sent.headers["authorization"] == f"Bearer {KEY}"
    assert sent.headers["content-type"] == "application/json"
    assert sent.query == [("a", "1"), ("a", "2 3")]
    assert sent.text == '{"n":0.1000000000000000000001}'


def test_text_is_sent_as_it_is_under_the_type_that_is_named(client: ApiClient, service: FakeService) -> None:
    client.request("POST", "/x", body="[]", media_type="application/cloudevents-batch+json")

    assert service.sent[0].text == "[]"
    assert service.sent[0].headers["content-type"] == "application/cloudevents-batch+json"


def test_numbers_of_an_answer_keep_every_digit(client: ApiClient, service: FakeService) -> None:
    service.script = [Told(200, '{"value":12345678901234567890.123456789}', media_type="application/vnd.api+json")]

    assert client.request("GET", "/x").body == {"value": Decimal("12345678901234567890.123456789")}


def test_an_answer_that_is_no_json_is_text(client: ApiClient, service: FakeService) -> None:
    service.script = [Told(200, "a,b\n", {"X-Page": "1"}, "text/csv")]

    answer = client.request("GET", "/x")

    assert (answer.body, answer.headers["x-page"]) == ("a,b\n", "1")


def test_a_redirection_is_no_success_and_its_address_is_told(client: ApiClient, service: FakeService) -> None:
    service.script = [Told(301, "moved", {"Location": "https://elsewhere.example/x"}, "text/plain")]

    with pytest.raises(ApiError, match="redirects to https://elsewhere") as told:
        client.request("DELETE", "/x")

    assert (told.value.status, len(service.sent)) == (301, 1)


def test_a_page_is_no_success(client: ApiClient, service: FakeService) -> None:
    service.script = [Told(200, "<html>Welcome</html>", {}, "text/html; charset=utf-8")]

    with pytest.raises(ApiError, match="answers with a page"):
        client.request("GET", "/x")


def test_an_answer_that_nothing_has_changed_is_a_success(client: ApiClient, service: FakeService) -> None:
    service.script = [Told(304)]

    assert client.request("GET", "/x").status == 304


def test_an_empty_answer_has_no_body(client: ApiClient, service: FakeService) -> None:
    service.script = [Told(204)]

    assert client.request("DELETE", "/x").body is None


@pytest.mark.parametrize("passing", [429, 502, 503, 504, 0])
def test_what_passes_is_tried_again(client: ApiClient, service: FakeService, passing: int) -> None:
    service.script = [Told(passing), Told(passing), Told(200, {"ok": True})]

    assert client.request("POST", "/x").body == {"ok": True}
    assert len(service.sent) == 3


def test_pauses_double(client: ApiClient, service: FakeService, pauses: list[float]) -> None:
    service.answer = lambda _: Told(503)

    with pytest.raises(ApiError):
        client.request("GET", "/x")

    assert pauses == [0.25, 0.5, 1.0, 2.0]


def test_a_pause_is_never_shorter_than_the_answer_asks(
    client: ApiClient, service: FakeService, pauses: list[float]
) -> None:
    service.script = [Told(429, headers={"Retry-After": "7"}), Told(200)]

    client.request("GET", "/x")

    assert pauses == [7.25]


def test_no_answer_can_impose_an_endless_pause(client: ApiClient, service: FakeService, pauses: list[float]) -> None:
    service.script = [Told(503, headers={"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}), Told(200)]

    client.request("GET", "/x")

    assert pauses == [RETRY_AFTER_MAX_S + 0.25]


def test_a_broken_retry_after_is_ignored(client: ApiClient, service: FakeService, pauses: list[float]) -> None:
    service.script = [Told(503, headers={"Retry-After": "soon"}), Told(200)]

    client.request("GET", "/x")

    assert pauses == [0.25]


def test_a_refusal_is_not_tried_again(client: ApiClient, service: FakeService) -> None:
    service.script = [Told(409, {"detail": "taken"})]

    with pytest.raises(ApiError) as refused:
        client.request("POST", "/x")

    assert (refused.value.status, refused.value.message, len(service.sent)) == (409, "taken", 1)


def test_an_error_says_how_long_to_wait(client: ApiClient, service: FakeService) -> None:
    service.answer = lambda _: Told(503, headers={"Retry-After": "3"})

    with pytest.raises(ApiError) as refused:
        client.request("GET", "/x")

    assert (refused.value.retry_after_s, refused.value.passing) == (3.0, True)


def test_what_must_not_run_twice_is_not_repeated_after_a_lost_answer(client: ApiClient, service: FakeService) -> None:
    service.script = [Told(0)]

    with pytest.raises(ApiUnreachable):
        client.request("POST", "/x", repeatable=False)

    assert len(service.sent) == 1


def test_what_must_not_run_twice_is_repeated_when_it_was_turned_away(client: ApiClient, service: FakeService) -> None:
    service.script = [Told(429), Told(201)]

    assert client.request("POST", "/x", repeatable=False).status == 201


def test_where_nothing_listens_the_error_names_the_address_and_the_cause() -> None:
    client = ApiClient(NOTHING_LISTENS, KEY, attempts=1)

    with pytest.raises(ApiUnreachable) as refused:
        client.request("GET", "/x")

    assert refused.value.message == f"{NOTHING_LISTENS} does not answer: Connection refused"
    assert refused.value.unsent


@pytest.mark.parametrize("url", ["", "localhost:8000", "ftp://host", "https://", "https://host?x=1"])
def test_an_address_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="address"):
        ApiClient(url, KEY)


@pytest.mark.parametrize("key", ["", "two words", "line\r\nX-Other: 1", "clé"])
def test_a_key_that_no_header_can_carry_is_refused_at_once(key: str) -> None:
    with pytest.raises(ValueError, match="API key"):
        ApiClient(NOTHING_LISTENS, key)
