"""Where subjects are kept: the catalog table, under the workspace's partition.

sk             item
sub.k.<key>    a subject
sub.i.<id>     the key of the subject that has the id
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from dynameter import codec
from dynameter.errors import DynameterError, Unavailable
from dynameter.runtime.catalog import Catalog, Item, key, number
from dynameter.runtime.dynamodb import CONDITION_FAILED, error_code, storage_faults, text, whole
from dynameter.runtime.retries import pause
from dynameter.subjects.service import SubjectPage
from dynameter.subjects.subject import Keep, Subject, SubjectDraft

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MAX_PAGES = 4
"""Pages of a megabyte that a list reads at most: Lambda answers 6 MB."""

_BY_KEY, _BY_ID = "sub.k.", "sub.i."
_FREE = "attribute_not_exists(pk)"
_ATTEMPTS = 6


class SubjectStore:
    """Subjects in the catalog table; every read is strongly consistent."""

    def __init__(self, client: DynamoDBClient, table: str, pause: Callable[[int], None] = pause) -> None:
        self._client = client
        self._table = table
        self._pause = pause
        self._catalog = Catalog(client, table, pause)

    def upsert(self, workspace: str, draft: SubjectDraft, new_id: str, now_us: int) -> Subject:
        """See ``dynameter.subjects.service.SubjectStore``."""
        for attempt in range(_ATTEMPTS):
            if attempt:
                self._pause(attempt)
            changed = self._change(workspace, draft, now_us)
            if changed is not None:
                return changed
            created = _created(workspace, draft, new_id, now_us)
            if self._insert(created):
                return created
        raise Unavailable("storage did not accept the request: too many changes at once")

    def get(self, workspace: str, key: str) -> Subject | None:
        """The subject of that key."""
        item = self._catalog.get(workspace, _BY_KEY + key)
        return _from_item(workspace, item) if item else None

    def get_by_id(self, workspace: str, subject_id: str) -> Subject | None:
        """The subject of that id."""
        pointer = self._catalog.get(workspace, _BY_ID + subject_id)
        found = self.get(workspace, text(pointer, "key")) if pointer else None
        return found if found is not None and found.id == subject_id else None

    def list(self, workspace: str, after: str | None, limit: int) -> SubjectPage:
        """Subjects after that key, at most ``limit`` and at most what one answer can carry."""
        found: list[Subject] = []
        start: Any = None if after is None else key(workspace, _BY_KEY + after)
        for _ in range(MAX_PAGES):
            arguments: Item = {
                "TableName": self._table,
                "ConsistentRead": True,
                "KeyConditionExpression": "pk = :pk AND begins_with(sk, :prefix)",
                "ExpressionAttributeValues": {":pk": key(workspace, "")["pk"], ":prefix": {"S": _BY_KEY}},
                "Limit": limit - len(found),
            }
            if start:
                arguments["ExclusiveStartKey"] = start
            with storage_faults():
                answer = self._client.query(**arguments)
            found += (_from_item(workspace, item) for item in answer["Items"])
            start = answer.get("LastEvaluatedKey")
            if not start or len(found) == limit:
                break
        return SubjectPage(tuple(found), start["sk"]["S"].removeprefix(_BY_KEY) if start else None)

    def delete(self, subject: Subject) -> bool:
        """Delete the subject and its id; False where it is gone already."""
        return self._transact(
            [
                self._catalog.delete(
                    key(subject.workspace, _BY_KEY + subject.key), "id = :id", {":id": {"S": subject.id}}
                ),
                self._catalog.delete(key(subject.workspace, _BY_ID + subject.id)),
            ]
        )

    def _change(self, workspace: str, draft: SubjectDraft, now_us: int) -> Subject | None:
        """Change the subject that has the key; None where there is none."""
        sets, removes = ["#updated = :now"], []
        names, values = {"#updated": "updated_us"}, {":now": number(now_us)}
        for name, value in _given(draft).items():
            names[f"#{name}"] = name
            if value is None:
                removes.append(f"#{name}")
            else:
                sets.append(f"#{name} = :{name}")
                values[f":{name}"] = {"S": value}
        try:
            with storage_faults():
                answer = self._client.update_item(
                    TableName=self._table,
                    Key=key(workspace, _BY_KEY + draft.key),
                    UpdateExpression=f"SET {', '.join(sets)}" + (f" REMOVE {', '.join(removes)}" if removes else ""),
                    ConditionExpression="attribute_exists(pk)",
                    ExpressionAttributeNames=names,
                    ExpressionAttributeValues=values,
                    ReturnValues="ALL_NEW",
                )
        except ClientError as error:
            if error_code(error) != CONDITION_FAILED:
                raise
            return None
        return _from_item(workspace, answer["Attributes"])

    def _insert(self, subject: Subject) -> bool:
        """Add the subject and its id; False where another request has added the key."""
        pointer = {**key(subject.workspace, _BY_ID + subject.id), "key": {"S": subject.key}}
        return self._transact([self._catalog.put(_to_item(subject), _FREE), self._catalog.put(pointer, _FREE)])

    def _transact(self, actions: Sequence[Item]) -> bool:
        """Run one transaction; False where a condition failed."""
        try:
            self._catalog.transact(actions, [_Refused("")] * len(actions))
        except _Refused:
            return False
        return True


class _Refused(DynameterError):
    """A condition of a transaction did not hold."""


def _created(workspace: str, draft: SubjectDraft, new_id: str, now_us: int) -> Subject:
    name, metadata = draft.display_name, draft.metadata
    return Subject(
        workspace=workspace,
        id=new_id,
        key=draft.key,
        display_name=None if isinstance(name, Keep) else name,
        metadata=None if isinstance(metadata, Keep) else metadata,
        created_at_us=now_us,
        updated_at_us=now_us,
    )


def _given(draft: SubjectDraft) -> dict[str, str | None]:
    """The attributes that the draft sets, or clears with None."""
    given: dict[str, str | None] = {}
    if not isinstance(draft.display_name, Keep):
        given["display_name"] = draft.display_name
    if not isinstance(draft.metadata, Keep):
        given["metadata"] = None if draft.metadata is None else codec.encode(draft.metadata).decode()
    return given


def _to_item(subject: Subject) -> Item:
    item = {
        **key(subject.workspace, _BY_KEY + subject.key),
        "id": {"S": subject.id},
        "created_us": number(subject.created_at_us),
        "updated_us": number(subject.updated_at_us),
    }
    draft = SubjectDraft(subject.key, subject.display_name, subject.metadata)
    return item | {name: {"S": value} for name, value in _given(draft).items() if value is not None}


def _from_item(workspace: str, item: Any) -> Subject:
    return Subject(
        workspace=workspace,
        id=text(item, "id"),
        key=text(item, "sk").removeprefix(_BY_KEY),
        display_name=text(item, "display_name") if "display_name" in item else None,
        metadata=codec.decode(text(item, "metadata")) if "metadata" in item else None,
        created_at_us=whole(item, "created_us"),
        updated_at_us=whole(item, "updated_us"),
    )
