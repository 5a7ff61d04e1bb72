"""Webhooks go to public https addresses alone, signed as Standard Webhooks has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from urllib3.exceptions import ConnectTimeoutError

from dynameter.billing.thresholds.address import InvalidTarget, Target, is_public, read_target
from dynameter.billing.thresholds.delivery import Refused
from dynameter.billing.thresholds.signature import InvalidSecret, make_secret, read_secret, signed_headers
from dynameter.billing.thresholds.webhooks import WebhookCaller, open_pool

PUBLIC = "93.184.215.14"


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://hooks.example.com", Target("hooks.example.com", 443, "/")),
        ("https://Hooks.Example.com:8443/a/b?c=d", Target("hooks.example.com", 8443, "/a/b?c=d")),
        (f"https://{PUBLIC}/x", Target(PUBLIC, 443, "/x")),
        ("https://[2606:4700::1111]/x", Target("2606:4700::1111", 443, "/x")),
    ],
)
def test_a_public_https_url_is_a_target(url: str, target: Target) -> None:
    assert read_target(url) == target


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/",
        "ftp://hooks.example.com/",
        "hooks.example.com",
        "https://",
        "https:///x",
        "https://localhost/",
        "https://hooks/",
        "https://metadata.google.internal/",
        "https://db.corp/",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://0x7f.0.0.1/",
        "https://2130706433/",
        "https://10.1.2.3/",
        "https://169.254.169.254/latest/meta-data/",
        "https://100.64.0.1/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[64:ff9b::a00:1]/",
        "https://[fe80::1%25eth0]/",
        "https://[bad/",
        "https://me:secret@hooks.example.com/",
        "https://hooks.example.com@10.0.0.1/",
        "https://hooks.example.com\\@10.0.0.1/",
        "https://hooks.example.com/#part",
        "https://hooks.example.com:0/",
        "https://hooks.example.com:99999/",
        "https://hooks.example.com/a b",
        "https://hooks.example.com/\r\nx: y",
        "https://hücks.example.com/",
        "https://hooks.example.com/" + "x" * 2_048,
    ],
)
def test_anything_else_is_not(url: str) -> None:
    with pytest.raises(InvalidTarget):
        read_target(url)


INNER = (
    "0.0.0.0 10.0.0.1 127.0.0.1 169.254.1.1 172.16.0.1 192.168.1.1 100.64.0.1 192.0.2.1 198.18.0.1 224.0.0.1 "
    "255.255.255.255 :: ::1 fe80::1 fd00::1 ff02::1 ::ffff:8.8.8.8 2002:7f00:1:: 64:ff9b::808:808 ::127.0.0.1 "
    "fe80::1%eth0 name"
)


@pytest.mark.parametrize("address", INNER.split())
def test_no_private_reserved_or_translated_address_is_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "2606:4700::1111"])
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(address)


def test_a_signature_is_that_of_the_standard() -> None:
    # The example of the Standard Webhooks libraries' own tests.
    body, secret = b'{"test": 2432232314}', "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

    headers = signed_headers(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body)

    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_a_secret_that_is_made_can_be_read() -> None:
    assert read_secret(make_secret(b"x" * 24)) == b"x" * 24


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_AAAA", "not base64!", "whsec_" + "A" * 200, "é" * 32])
def test_what_is_no_secret_is_refused(secret: str) -> None:
    with pytest.raises(InvalidSecret):
        read_secret(secret)


class Answered:
    """A pool that notes a call and answers it."""

    def __init__(self, status: int = 204, error: Exception | None = None) -> None:
        self.status = status
        self.called: list[tuple[str, str, dict[str, Any]]] = []
        self._error = error

    def __enter__(self) -> Answered:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def request(self, method: str, path: str, **options: Any) -> Answered:
        self.called.append((method, path, options))
        if self._error is not None:
            raise self._error
        return self

    def close(self) -> None:
        pass


def caller(answered: Answered, addresses: list[str], opened: list[str] | None = None) -> WebhookCaller:
    def open_it(address: str, _: Target) -> Any:
        if opened is not None:
            opened.append(address)
        return answered

    return WebhookCaller(lambda _host, _port: addresses, open_it)


def post(by: WebhookCaller, headers: Mapping[str, str] | None = None) -> None:
    by.post("https://hooks.example.com:8443/a?b=c", headers or {}, b"{}")


def test_the_call_goes_to_the_address_that_was_looked_at_under_the_hosts_name() -> None:
    answered, opened = Answered(), list[str]()

    post(caller(answered, ["2606:4700::1111", PUBLIC], opened), {"x": "y"})

    ((method, path, options),) = answered.called
    assert opened == [PUBLIC]
    assert (method, path) == ("POST", "/a?b=c")
    assert options["headers"] == {"x": "y", "host": "hooks.example.com:8443"}
    assert options["redirect"] is False


def test_the_certificate_is_that_of_the_name() -> None:
    with open_pool(PUBLIC, Target("hooks.example.com", 443, "/")) as pool:
        assert pool.host == PUBLIC
        assert pool.assert_hostname == pool.conn_kw["server_hostname"] == "hooks.example.com"
        assert pool.cert_reqs == "CERT_REQUIRED"


@pytest.mark.parametrize("addresses", [[], ["10.0.0.1"], [PUBLIC, "127.0.0.1"], ["::1"]])
def test_a_name_that_leads_anywhere_private_is_not_called(addresses: list[str]) -> None:
    answered = Answered()

    with pytest.raises(Refused, match="private"):
        post(caller(answered, addresses))

    assert answered.called == []


@pytest.mark.parametrize("status", [199, 301, 302, 400, 404, 410, 429, 500])
def test_only_a_success_is_one(status: int) -> None:
    with pytest.raises(Refused, match=str(status)):
        post(caller(Answered(status), [PUBLIC]))


@pytest.mark.parametrize("error", [ConnectTimeoutError(), OSError()])
def test_no_answer_is_a_refusal(error: Exception) -> None:
    with pytest.raises(Refused, match="no answer"):
        post(caller(Answered(error=error), [PUBLIC]))


def test_a_name_that_does_not_resolve_is_a_refusal() -> None:
    def unknown(_host: str, _port: int) -> list[str]:
        raise OSError

    with pytest.raises(Refused, match="resolved"):
        WebhookCaller(unknown).post("https://hooks.example.com/", {}, b"")
