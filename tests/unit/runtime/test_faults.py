"""What logs say of storage's faults."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from dynameter.errors import Unavailable
from dynameter.runtime.dynamodb import describe_fault, storage_faults
from tests.unit.runtime.storage import Storage


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


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_an_answer_from_in_front_of_storage_is_a_passing_fault(storage: Storage, status: int) -> None:
    storage.script((status, {}))

    with pytest.raises(Unavailable), storage_faults():
        storage.client().get_item(TableName="Catalog", Key={"pk": {"S": "a"}})
