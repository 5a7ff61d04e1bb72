"""A key's text is read strictly and its secret is kept only as a hash."""

from __future__ import annotations

import hmac
import secrets
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynameter.access.key import (
    LOCAL_KEY,
    OPERATOR,
    compose,
    generate_id,
    generate_secret,
    hash_secret,
    is_id,
    matches,
    parse,
)
from tests.unit.access.memory import SECRET, api_key


@given(st.binary(min_size=8, max_size=8), st.binary(min_size=25, max_size=25))
def test_every_generated_key_is_read_back(id_bytes: bytes, secret_bytes: bytes) -> None:
    key_id = generate_id(lambda _: id_bytes)
    secret = generate_secret(lambda _: secret_bytes)

    assert parse(compose(key_id, secret)) == (key_id, secret)


@given(st.binary(min_size=8, max_size=8))
def test_no_generated_id_is_the_local_servers_or_the_operators(random_bytes: bytes) -> None:
    assert generate_id(lambda _: random_bytes) not in {"local", OPERATOR}


def test_a_secret_has_at_least_160_bits() -> None:
    asked: list[int] = []

    def random(size: int) -> bytes:
        asked.append(size)
        return bytes(range(size))

    secret = generate_secret(random)

    assert asked[0] * 8 >= 160
    assert len(secret) * 5 >= asked[0] * 8, "the text keeps every bit"


def test_two_secrets_differ() -> None:
    assert generate_secret(secrets.token_bytes) != generate_secret(secrets.token_bytes)


def test_the_local_servers_key_is_read() -> None:
    assert parse("dm_local_admin") == ("local", "admin")


def test_the_local_servers_key_can_be_rotated_to_a_real_secret() -> None:
    assert parse(f"dm_local_{SECRET}") == ("local", SECRET)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "dm_",
        "dm__",
        "dm_local_",
        "dm_local_root",
        "dm_local_admin ",
        "dm_local_admin\n",
        f"dm_k7q2m5x3h4bn_{'a' * 31}",
        f"dm_k7q2m5x3h4bn_{'a' * 65}",
        f"dm_k7q2m5x3h4b_{SECRET}",
        f"dm_k7q2m5x3h4bnn_{SECRET}",
        f"dm_k7q2m5x3h4bn_{SECRET}\n",
        f"DM_k7q2m5x3h4bn_{SECRET}",
        f" dm_k7q2m5x3h4bn_{SECRET}",
        f"dm_k7q2m5x3h4bn_{'a' * 20}_{'a' * 20}",
        f"dm_k7q2m5x3h4bn_{'é' * 40}",
        f"dm_k7q2m5x3h4bn_{'٣' * 40}",
        f"om_k7q2m5x3h4bn_{SECRET}",
        "dm_" * 100_000,
    ],
)
def test_text_of_any_other_form_is_no_key(text: str) -> None:
    assert parse(text) is None


@given(st.text(max_size=200))
def test_no_text_makes_the_reader_raise(text: str) -> None:
    found = parse(text)

    assert found is None or compose(*found) == text


@pytest.mark.parametrize("text", ["", "abc", "../k7q2m5x3h4", "k7q2m5x3h4b.", "k7q2m5x3h4bn\n", "bootstrap"])
def test_what_is_no_id_is_not_looked_up(text: str) -> None:
    assert not is_id(text)


def test_the_right_secret_matches() -> None:
    assert matches(api_key(), "k7q2m5x3h4bn", SECRET)


@pytest.mark.parametrize("secret", ["", "admin", SECRET[:-1], SECRET + "a", SECRET.upper()])
def test_another_secret_does_not_match(secret: str) -> None:
    assert not matches(api_key(), "k7q2m5x3h4bn", secret)


def test_no_secret_matches_an_absent_key() -> None:
    assert not matches(None, "k7q2m5x3h4bn", SECRET)


def test_equal_secrets_of_two_keys_have_different_hashes() -> None:
    assert hash_secret("aaaaaaaaaaaa", SECRET) != hash_secret("bbbbbbbbbbbb", SECRET)


@pytest.mark.parametrize("key", [api_key(), None])
def test_secrets_are_compared_in_constant_time_even_for_an_absent_key(key: object) -> None:
    with patch("dynameter.access.key.hmac.compare_digest", wraps=hmac.compare_digest) as compare:
        matches(key, "k7q2m5x3h4bn", "b" * 40)  # type: ignore[arg-type]

    left, right = compare.call_args.args
    assert (compare.call_count, len(left), len(right)) == (1, 32, 32)


def test_a_key_prints_without_its_hash() -> None:
    assert "hash" not in repr(api_key())


def test_the_local_servers_key_is_named_in_one_place() -> None:
    assert LOCAL_KEY == "dm_local_admin"
