"""The pages for operators: a runbook for every alarm, and commands that a shell and AWS would take."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import botocore.session
import pytest

from dynameter.workspaces import workspace_key
from local.template import ROOT, Template
from tests.conftest import OTHER_WORKSPACE, WORKSPACE

PAGES = [ROOT / "docs" / name for name in ("operations.md", "backup.md")]
RUNBOOKS = (ROOT / "docs" / "operations.md").read_text().partition("\n## Runbooks\n")[2].partition("\n## ")[0]
SECTIONS = dict(re.findall(r"(?ms)^### (.+?)\n(.*?)(?=^### |\Z)", RUNBOOKS))
BLOCKS = [(page.name, block) for page in PAGES for block in re.findall(r"(?ms)^ *```sh\n(.*?)```", page.read_text())]
RESOURCES = Template.load().document["Resources"]
ALARMS = {name for name, one in RESOURCES.items() if one["Type"] == "AWS::CloudWatch::Alarm"}

OF_THE_COMMAND_LINE_ALONE = {("logs", "tail"), ("s3", "ls"), ("dynamodb", "wait")}
"""Commands of the AWS CLI that are no operation of a service."""
OPTIONS_OF_ALL = {"query", "output"}


def aws_commands() -> Iterator[str]:
    for _, block in BLOCKS:
        joined = block.replace("\\\n", " ")
        for start in re.finditer(r"\baws ", joined):
            yield joined[start.end() :]


def words(text: str) -> list[str]:
    """The words of one command; what a shell would put in stands as it is, and an end of the command ends it."""
    plain = re.sub(r"\"?\$\([^()]*(\([^()]*\)[^()]*)*\)\"?", "VALUE", text)
    first_line = re.split(r"[\n|;]|\)\"|\)$", plain)[0]
    return shlex.split(first_line)


def test_every_alarm_has_one_runbook_and_every_runbook_its_alarm() -> None:
    named = [name for heading in SECTIONS for name in re.findall(r"`(\w+)`", heading)]

    assert sorted(named) == sorted(ALARMS)


@pytest.mark.parametrize("heading", SECTIONS)
def test_a_runbook_says_what_it_means_who_notices_what_to_do_and_when_it_is_cured(heading: str) -> None:
    text = SECTIONS[heading]

    parts = [text.find(part) for part in ("**Means**", "**Users see**", "**Look**", "**Cure**", "**Cured**")]
    assert -1 not in parts
    assert parts == sorted(parts)


@pytest.mark.parametrize(("page", "block"), BLOCKS)
def test_a_shell_takes_the_commands(page: str, block: str) -> None:
    done = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)

    assert done.stderr == "", page


def test_the_commands_name_resources_of_the_template() -> None:
    text = "\n".join(page.read_text() for page in PAGES)
    named = set(re.findall(r"\$\(id (\w+)\)", text)) | set(re.findall(r"\b(?:errors|state) ([A-Z]\w+)", text))

    assert named - {"NAME"} - set(RESOURCES) == set()


def test_the_commands_are_operations_of_aws_with_parameters_that_they_have() -> None:
    session = botocore.session.get_session()
    unknown = []
    for text in aws_commands():
        service, operation, *arguments = words(text)
        if (service, operation) in OF_THE_COMMAND_LINE_ALONE:
            continue
        model = session.get_service_model(service)
        names = {_dashed(name): name for name in model.operation_names}
        shape = model.operation_model(names[operation]).input_shape
        assert shape is not None
        allowed = {_dashed(name) for name in shape.members} | OPTIONS_OF_ALL
        given = {one[2:] for one in arguments if one.startswith("--")}
        unknown += [f"aws {service} {operation} --{option}" for option in sorted(given - allowed)]

    assert unknown == []


def _dashed(name: str) -> str:
    return botocore.xform_name(name, "-")


def test_another_logical_id_gives_the_stack_another_table_and_nothing_of_the_old_one(tmp_path: Path) -> None:
    (command,) = (line for _, block in BLOCKS for line in block.splitlines() if line.startswith("sed "))
    (tmp_path / "template.yaml").write_text((ROOT / "template.yaml").read_text())

    subprocess.run(["bash", "-c", command], cwd=tmp_path, check=True)

    changed = Template.load(tmp_path / "template.yaml")
    assert changed.document["Resources"]["EventsTable2"] == RESOURCES["EventsTable"]
    assert "EventsTable" not in changed.document["Resources"]
    text = (tmp_path / "template.yaml").read_text()
    assert re.findall(r"\bEventsTable\b.*", text) == ["EventsTable: {Value: !Ref EventsTable2}"]


def test_the_workspaces_of_a_catalog_can_be_listed() -> None:
    (program,) = {one for _, block in BLOCKS for one in re.findall(r"python3 -c '(.*?)'", block)}
    partitions = "\t".join(f"w.{workspace_key(one)}" for one in (WORKSPACE, OTHER_WORKSPACE))

    done = subprocess.run(["python3", "-c", program], input=partitions, capture_output=True, text=True, check=True)

    assert done.stdout.split() == [WORKSPACE, OTHER_WORKSPACE]
