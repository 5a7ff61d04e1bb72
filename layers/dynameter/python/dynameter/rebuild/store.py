"""Jobs in the catalog table; its stream starts and continues them.

pk  "w." workspace          sk  "j." kind "." id ["." slice, two digits]
kind id slice               the same, to be read without taking the key apart
state                       running, done or failed; only an image that is running triggers the function
step                        checkpoints so far: a checkpoint is conditional on it, so of two workers one goes on
position worked             how far it has come
not_before created_at       epoch microseconds
details                     JSON text
faults reason               failures in a row, and the last one's text
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from dynameter import codec
from dynameter.clock import Clock
from dynameter.rebuild.job import RECOMPUTE, Job, JobKey, JobState, Progress, UnreadableJob
from dynameter.runtime.catalog import Catalog, Item, number
from dynameter.runtime.catalog import key as item_key
from dynameter.runtime.dynamodb import CONDITION_FAILED, error_code, storage_faults, text, whole
from dynameter.workspaces import workspace_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PREFIX = "j."
MAX_REASON_CHARACTERS = 1_000

_RUNNING = {"S": JobState.RUNNING.value}
_AS_IT_WAS = "step = :step AND #state = :state"


class JobStore:
    """Reads jobs strongly consistent and moves each forward by conditional writes."""

    def __init__(self, client: DynamoDBClient, table: str, clock: Clock, settle_us: int) -> None:
        """``settle_us``: see ``dynameter.runtime.settings.Settings.settle_ms``."""
        self._client = client
        self._table = table
        self._catalog = Catalog(client, table)
        self._clock = clock
        self._settle_us = settle_us

    # ---- starting

    def put(self, job: Job) -> bool:
        """Write a new job, which starts it. False where there is one of that key already."""
        try:
            with storage_faults():
                self._client.put_item(
                    TableName=self._table, Item=job_item(job), ConditionExpression="attribute_not_exists(pk)"
                )
        except ClientError as error:
            return _refused(error)
        return True

    def request(
        self,
        workspace: str,
        meter_id: str,
        generation: int,
        subject: str | None,
        groups: tuple[str, ...],
        hour: int,
        epoch_us: int,
    ) -> None:
        """Have a usage row recomputed as of the epoch; durable when this returns. See ``usage.rows.epoch``."""
        details = {
            "meter": meter_id,
            "generation": generation,
            "subject": subject,
            "groups": list(groups),
            "hour": hour,
            "epoch": epoch_us,
        }
        now = self._clock.now_us()
        digest = hashlib.blake2b(codec.encode_sorted(details), digest_size=12).hexdigest()
        job = Job(
            key=JobKey(workspace, RECOMPUTE, f"{meter_id}.{digest}"),
            created_at_us=now,
            # An epoch may lie in the past, and what is in flight now is stamped at most now.
            not_before_us=max(now, epoch_us) + self._settle_us,
            details=details,
        )
        if not self.put(job):
            self._take_up(job.key)

    # ---- reading

    def get(self, key: JobKey) -> Job | None:
        """The job of that key."""
        item = self._catalog.get(key.workspace, sort_key(key))
        return read_job(item) if item else None

    def family(self, key: JobKey) -> tuple[Job | None, list[Job]]:
        """The whole job, if it is there, and its slices."""
        jobs = self._query(key.workspace, sort_key(key.whole))
        # Ids may begin alike: 7 and 70.
        ours = [job for job in jobs if job.key.whole == key.whole]
        return (
            next((job for job in ours if job.key.slice is None), None),
            [job for job in ours if job.key.slice is not None],
        )

    def _query(self, workspace: str, prefix: str) -> list[Job]:
        return [read_job(item) for item in self._catalog.query(workspace, prefix)]

    # ---- moving on

    def checkpoint(self, job: Job, progress: Progress) -> bool:
        """Write where the next chunk begins, which starts it. False where the job has moved on or is gone."""
        changes: Item = {
            "step": number(job.step + 1),
            "worked": number(job.worked + progress.worked),
            "faults": number(0),
        }
        if progress.position is not None:
            changes["position"] = {"S": progress.position}
        if progress.not_before_us is not None:
            changes["not_before"] = number(progress.not_before_us)
        return self._change(job, changes)

    def mark_done(self, job: Job, worked: int = 0) -> bool:
        """Mark the job as done. False where it has moved on or is gone."""
        return self._change(job, {"state": {"S": JobState.DONE.value}, "worked": number(job.worked + worked)})

    def postpone(self, job: Job, not_before_us: int, reason: str) -> bool:
        """Write that a chunk failed and when to try it again."""
        return self._change(
            job,
            {
                "step": number(job.step + 1),
                "faults": number(job.faults + 1),
                "not_before": number(not_before_us),
                "reason": {"S": reason[:MAX_REASON_CHARACTERS]},
            },
        )

    def give_up(self, job: Job, reason: str) -> bool:
        """Mark the job as failed. A write of ``state`` running with another ``step`` takes it up again."""
        return self._change(
            job, {"state": {"S": JobState.FAILED.value}, "reason": {"S": reason[:MAX_REASON_CHARACTERS]}}
        )

    def bring_again(self, key: JobKey, step: int) -> bool:
        """Have a job's chunk brought again that the stream gave up; False where it has gone on or is gone.

        One that is done may have told nobody, so it repeats its last chunk and is done again.
        """
        found = self.get(key)
        if found is None or found.state is JobState.FAILED or found.step != step:
            return False
        return self._change(found, {"state": _RUNNING, "step": number(step + 1)})

    def _take_up(self, key: JobKey) -> None:
        """Run a job again that was given up; one that is running goes on undisturbed."""
        found = self.get(key)
        if found is not None and found.state is JobState.FAILED:
            running = {"state": _RUNNING, "step": number(found.step + 1), "faults": number(0)}
            self._change(found, running)

    def delete(self, key: JobKey) -> None:
        """Delete the job if it is there."""
        with storage_faults():
            self._client.delete_item(TableName=self._table, Key=_key(key))

    def _change(self, job: Job, changes: Mapping[str, Any]) -> bool:
        assignments = ", ".join(f"#{name} = :new_{name}" for name in changes)
        try:
            with storage_faults():
                self._client.update_item(
                    TableName=self._table,
                    Key=_key(job.key),
                    UpdateExpression=f"SET {assignments}",
                    ConditionExpression=_AS_IT_WAS,
                    ExpressionAttributeNames={"#state": "state"} | {f"#{name}": name for name in changes},
                    ExpressionAttributeValues={f":new_{name}": value for name, value in changes.items()}
                    | {":step": number(job.step), ":state": {"S": job.state.value}},
                )
        except ClientError as error:
            return _refused(error)
        return True


def job_item(job: Job) -> Item:
    """The job as an item of the catalog table, also for transactions that write it beside other things."""
    key = job.key
    item: Item = {
        **_key(key),
        "kind": {"S": key.kind},
        "id": {"S": key.id},
        "state": {"S": job.state.value},
        "step": number(job.step),
        "worked": number(job.worked),
        "faults": number(job.faults),
        "not_before": number(job.not_before_us),
        "created_at": number(job.created_at_us),
        "details": {"S": codec.encode(dict(job.details)).decode()},
    }
    if key.slice is not None:
        item["slice"] = number(key.slice)
    optional = {"position": job.position, "reason": job.reason}
    return item | {name: {"S": value} for name, value in optional.items() if value is not None}


def read_job(item: Mapping[str, Any]) -> Job:
    """The job in an item, as boto3's client or a stream record gives it. Raises ``UnreadableJob``."""
    try:
        return _read_job(dict(item))
    except (KeyError, ValueError) as error:
        raise UnreadableJob(type(error).__name__) from error


def _read_job(found: dict[str, Any]) -> Job:
    return Job(
        key=JobKey(
            workspace_of(text(found, "pk")[2:]),
            text(found, "kind"),
            text(found, "id"),
            whole(found, "slice") if "slice" in found else None,
        ),
        created_at_us=whole(found, "created_at"),
        not_before_us=whole(found, "not_before"),
        details=codec.decode(text(found, "details")),
        position=text(found, "position") if "position" in found else None,
        worked=whole(found, "worked"),
        step=whole(found, "step"),
        state=JobState(text(found, "state")),
        faults=whole(found, "faults"),
        reason=text(found, "reason") if "reason" in found else None,
    )


def sort_key(key: JobKey) -> str:
    """The job's sort key."""
    return f"{PREFIX}{key.kind}.{key.id}" + ("" if key.slice is None else f".{key.slice:02d}")


def _key(key: JobKey) -> Item:
    return item_key(key.workspace, sort_key(key))


def _refused(error: ClientError) -> bool:
    """False for a condition that failed; raises anything else."""
    if error_code(error) != CONDITION_FAILED:
        raise error
    return False
