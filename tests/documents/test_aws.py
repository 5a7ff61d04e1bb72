"""The operators' commands run in a shell, and what they ask of AWS is what AWS's own models take."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dynameter.runtime.settings import Settings
from dynameter.workspaces import workspace_key
from local.template import ROOT
from tests.conftest import WORKSPACE
from tests.documents import aws_calls
from tests.documents.covers import covered_by
from tests.documents.pages import Command, commands
from tests.documents.shell import Shell

HELPERS = "\n".join(
    one.text for one in commands() if one.page == "docs/operations.md" and re.match(r"\w+\(\) \{|export ", one.text)
)
"""What the page on operations defines first, for all commands of both pages."""
VARIABLES = {
    "BACKUP_ROLE_ARN": "arn:aws:iam::111122223333:role/backup",
    "BACKUP_ARN": "arn:aws:dynamodb:eu-central-1:111122223333:table/EventsTable/backup/01489173575360-b308cd7d",
}
COMMANDS = covered_by("tests/documents/test_aws.py")
ASKING = [one for one in COMMANDS if one.key not in ("export", "jq")]
NAMED = {("dynamodb", "import-table"), ("dynamodb", "update-item")}
"""Operations that a sentence names without their parameters."""


def calls_of(command: Command, folder: Path) -> list[list[str]]:
    """Run a command with an ``aws`` that records; answers what it was called with."""
    programs = folder / "programs"
    programs.mkdir()
    aws_calls.install(programs)
    record = folder / "calls"
    record.touch()
    path = f"{programs}:/usr/local/bin:/usr/bin:/bin"
    shell = Shell(folder, {**VARIABLES, "AWS_CALLS": str(record), "PATH": path}, HELPERS)
    done = shell.run(command.text)
    assert (done.code, done.err) == (0, "")
    return list(aws_calls.recorded(record))


@pytest.mark.parametrize("command", ASKING, ids=str)
def test_a_command_asks_what_aws_answers(command: Command, tmp_path: Path) -> None:
    found = [aws_calls.read(words) for words in calls_of(command, tmp_path) if not names_alone(command, words)]

    assert found or command.inline or command.text.endswith("}"), "it calls nothing"
    assert [fault for call in found if call for fault in aws_calls.faults(call)] == []


def names_alone(command: Command, words: list[str]) -> bool:
    return command.inline and tuple(words) in NAMED


@pytest.mark.parametrize(
    "command",
    [
        "aws dynamodb scam --table-name x",
        "aws dynamodb scan --tabel-name x",
        "aws dynamodb scan",
        'aws dynamodb scan --table-name x --expression-attribute-values \'{":v":"v"}\'',
        "aws dynamodb scan --table-name x --query 'Item[].pk.S'",
        "aws dynamodb wait table-there --table-name x",
        "aws logs tail x --sinse 1h",
        "aws lambda put-function-concurrency --function-name x --reserved-concurrent-executions none",
    ],
)
def test_a_wrong_command_is_noticed(command: str, tmp_path: Path) -> None:
    (words,) = calls_of(Command("", command), tmp_path)

    try:
        call = aws_calls.read(words)
        assert call is not None
        faults = aws_calls.faults(call)
    except ValueError as error:
        faults = [str(error)]

    assert faults != []


def test_the_patterns_for_logs_name_fields_that_logs_have() -> None:
    (access,) = re.findall(r"(?m)^ +Format: '(.+)'$", (ROOT / "template.yaml").read_text())
    patterns = {found for one in ASKING for found in re.findall(r"\{ \$\.(\w+) = ", one.text)}

    assert patterns >= {"level", "status"}
    assert patterns - {"level"} <= set(json.loads(access))


def only(operation: str, folder: Path, mark: str) -> Mapping[str, Any]:
    """The parameters of the command that asks for an operation and has ``mark`` in it."""
    (command,) = (one for one in ASKING if mark in one.text and not one.inline)
    found = [aws_calls.read(words) for words in calls_of(command, folder)]
    (call,) = (one for one in found if one and one.operation == operation)
    return call.parameters


@pytest.fixture
def failed_job(settings: Settings, dynamodb: Any) -> dict[str, Any]:
    """A job that was given up, as the page's example names it."""
    workspace = workspace_key(WORKSPACE)
    job = {"pk": f"w.{workspace}", "sk": "j.rebuild.01M80XMXFVM2QT7YTS14JEJDSG.2.07"}
    numbers = {"step": 5, "faults": 8}
    texts = {**job, "state": "failed", "reason": "storage"}
    item = {key: {"S": text} for key, text in texts.items()} | {key: {"N": str(n)} for key, n in numbers.items()}
    dynamodb.put_item(TableName=settings.catalog_table, Item=item)
    return item


def test_the_list_of_failed_jobs_finds_one(
    settings: Settings, dynamodb: Any, failed_job: Mapping[str, Any], tmp_path: Path
) -> None:
    asked = only(
        "Scan", tmp_path, '#state = :failed\' \\\n  --expression-attribute-names \'{"#state":"state"}\' --expr'
    )

    found = dynamodb.scan(**{**asked, "TableName": settings.catalog_table})

    assert found["Items"] == [failed_job]


def test_a_failed_job_goes_on(settings: Settings, dynamodb: Any, failed_job: Mapping[str, Any], tmp_path: Path) -> None:
    asked = only("UpdateItem", tmp_path, "aws dynamodb update-item --table-name")

    dynamodb.update_item(**{**asked, "TableName": settings.catalog_table})

    (item,) = dynamodb.scan(TableName=settings.catalog_table)["Items"]
    assert item == {**failed_job, "state": {"S": "running"}, "faults": {"N": "0"}, "step": {"N": "6"}}


def test_a_batch_of_the_bucket_is_cut_out_as_the_page_says(tmp_path: Path) -> None:
    (command,) = (one for one in commands() if one.key == "jq" and "OBJECT" in one.text)
    (tmp_path / "OBJECT").write_text(json.dumps({"requestContext": {}, "payload": {"Records": []}}))

    done = Shell(tmp_path).run(command.text)

    assert (done.code, (tmp_path / "batch.json").read_text()) == (0, '{"Records":[]}\n')
