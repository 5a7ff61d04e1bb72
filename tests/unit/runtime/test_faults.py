"""What logs say of storage's faults."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from dynameter.errors import Unavailable
from dynameter.runtime.dynamodb import describe_fault, storage_faults


def refused(code: str) -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": "The item dm_abc_secret is refused"}}
    return ClientError(response, "UpdateItem")


def fault_of(error: Exception) -> Exception:
    try:
        with storage_faults():
            raise error
    except (ClientError, Unavailable) as fault:
        return fault


def test_a_fault_is_told_by_its_type_and_awss_code_alone() -> None:
    assert describe_fault(refused("AccessDeniedException")) == {"error": "ClientError", "code": "AccessDeniedException"}


def test_what_became_an_error_of_the_domain_keeps_awss_code() -> None:
    fault = fault_of(refused("ThrottlingException"))

    assert describe_fault(fault) == {"error": "Unavailable", "code": "ThrottlingException"}


def test_a_fault_that_is_not_awss_has_no_code() -> None:
    assert describe_fault(ValueError("dm_abc_secret")) == {"error": "ValueError"}
