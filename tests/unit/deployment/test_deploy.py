"""``make deploy`` deploys what samconfig.toml says, and every change of code or parameters is a release."""

from __future__ import annotations

import io
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from deployment import deploy
from deployment.deploy import Options, Plan, Refused, announce, code_hash, main, plan, read_options, read_parameters
from local.template import Template

CONFIG = tomllib.loads(deploy.CONFIG.read_text())
ENVIRONMENTS = [name for name in CONFIG if name != "version"]
PARAMETERS: Any = Template.load().document["Parameters"]


def options(**changed: Any) -> Options:
    given: dict[str, Any] = {"environment": "prod", "stack": None, "parameters": {}, "build": ".aws-sam/build"}
    given |= {"sam": "sam", "arguments": ()}
    return Options(**{**given, **changed})


def option(found: Plan, name: str) -> str:
    return found.command[found.command.index(name) + 1]


def overrides(command: tuple[str, ...]) -> dict[str, str]:
    return read_parameters(command[command.index("--parameter-overrides") + 1 :])


def release(code: str = "code", **changed: Any) -> str:
    return overrides(plan(options(**changed), CONFIG, code).command)["Release"]


class Cloudformation:
    def __init__(self, **parameters: str) -> None:
        self._parameters = parameters

    def describe_stacks(self, StackName: str) -> Any:  # noqa: N803
        outputs = [{"OutputKey": "ApiUrl", "OutputValue": "https://api.example"}]
        listed = [{"ParameterKey": name, "ParameterValue": value} for name, value in self._parameters.items()]
        return {"Stacks": [{"Outputs": outputs, "Parameters": listed}]}


@pytest.fixture
def built(tmp_path: Path) -> Path:
    for name in (".aws-sam/build/template.yaml", ".aws-sam/build/EmitFunction/app.py", "layers/dynameter/python/a.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_parameter_of_an_environment_is_one_of_the_template_with_a_value_it_takes(environment: str) -> None:
    for name, value in read_parameters(CONFIG[environment]["deploy"]["parameters"]["parameter_overrides"]).items():
        declared = PARAMETERS[name]
        assert value in [str(one) for one in declared.get("AllowedValues", [value])]
        assert re.fullmatch(declared.get("AllowedPattern", ".*"), value)
        assert declared["Type"] != "Number" or int(value) >= declared.get("MinValue", 0)


def test_the_environments_are_one_to_try_and_one_to_bill_by() -> None:
    assert ENVIRONMENTS == ["dev", "prod"]
    dev, prod = (overrides(plan(options(environment=one), CONFIG, "").command) for one in ENVIRONMENTS)

    assert (dev["DeploymentStyle"], dev["DeletionProtection"]) == ("AllAtOnce", "false")
    assert (prod["DeploymentStyle"], prod["DeletionProtection"]) == ("Canary10Percent5Minutes", "true")
    assert CONFIG["prod"]["deploy"]["parameters"]["confirm_changeset"] is True


def test_environments_do_not_share_a_stack_or_a_place_for_packages() -> None:
    settings = [CONFIG[one]["deploy"]["parameters"] for one in ENVIRONMENTS]

    for name in ("stack_name", "s3_prefix"):
        assert len({one[name] for one in settings}) == len(settings)


def test_the_command_names_the_environment_and_its_stack() -> None:
    found = plan(options(), CONFIG, "code")

    assert found.stack == "dynameter-prod"
    assert found.command[:2] == ("sam", "deploy")
    assert option(found, "--config-env") == "prod"
    assert option(found, "--stack-name") == "dynameter-prod"


def test_what_is_deployed_is_what_was_built_by_the_repositorys_configuration() -> None:
    found = plan(options(build=".aws-sam/other"), CONFIG, "code")

    assert option(found, "--template-file") == ".aws-sam/other/template.yaml"
    assert option(found, "--config-file") == str(deploy.CONFIG)


def test_another_stack_has_its_packages_in_a_place_of_its_own() -> None:
    found = plan(options(stack="mine"), CONFIG, "code")

    assert found.stack == "mine"
    assert (option(found, "--stack-name"), option(found, "--s3-prefix")) == ("mine", "mine")


def test_parameters_that_are_given_win_over_the_environments() -> None:
    found = overrides(
        plan(options(parameters={"BackgroundConcurrency": "0", "Thresholds": "false"}), CONFIG, "").command
    )

    assert (found["BackgroundConcurrency"], found["Thresholds"]) == ("0", "false")
    assert found["DeletionProtection"] == "true"


@pytest.mark.parametrize(
    ("value", "worded"),
    [
        ("", 'AlarmTopicArn=""'),
        ("two words", 'AlarmTopicArn="two words"'),
        ('"', r'AlarmTopicArn="\""'),
        (
            "arn:aws:sns:eu-central-1:111122223333:on-call",
            "AlarmTopicArn=arn:aws:sns:eu-central-1:111122223333:on-call",
        ),
    ],
)
def test_a_value_is_worded_as_sam_reads_it(value: str, worded: str) -> None:
    """SAM's own pattern of overrides takes no empty value, and ends one at a space."""
    assert worded in plan(options(parameters={"AlarmTopicArn": value}), CONFIG, "").command


def test_arguments_reach_sam_before_the_parameters_that_take_all_that_follows() -> None:
    command = plan(options(arguments=("--no-execute-changeset",)), CONFIG, "code").command

    assert command.index("--no-execute-changeset") < command.index("--parameter-overrides")


def test_a_release_is_new_when_code_or_a_parameter_is_and_only_then() -> None:
    assert release() == release()
    assert release() != release(code="other")
    assert release() != release(parameters={"EventsPerSecond": "7"})
    assert release(parameters={"Release": "0"}) == release()
    assert re.fullmatch(PARAMETERS["Release"]["AllowedPattern"], release())


@pytest.mark.parametrize("changed", [".aws-sam/build/EmitFunction/app.py", "layers/dynameter/python/a.py"])
def test_the_hash_of_the_code_follows_every_file(built: Path, changed: str) -> None:
    before = code_hash(built)

    (built / changed).write_text("changed")

    assert code_hash(built) != before


def test_the_hash_of_the_code_follows_names(built: Path) -> None:
    before = code_hash(built)

    (built / "layers/dynameter/python/a.py").rename(built / "layers/dynameter/python/b.py")

    assert code_hash(built) != before


def test_nothing_is_deployed_where_nothing_is_built(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="make build"):
        code_hash(tmp_path)


def test_an_environment_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(Refused, match="it has dev, prod"):
        plan(options(environment="staging"), CONFIG, "code")


@pytest.mark.parametrize("text", ["Name", "=1", "A B=1", ""])
def test_a_parameter_has_a_name_and_a_value(text: str) -> None:
    with pytest.raises(ValueError, match="Name=value"):
        read_parameters([text])


def test_the_command_line_is_read() -> None:
    found = read_options(["--env", "dev", "--stack", "", "--parameters", "A=1 B='x y'", "--", "--debug"])

    assert found == Options("dev", None, {"A": "1", "B": "x y"}, ".aws-sam/build", "sam", ("--debug",))


def test_after_a_deployment_the_api_and_the_next_command_are_printed() -> None:
    out = io.StringIO()

    announce(Cloudformation(AlarmTopicArn="arn:aws:sns:eu-central-1:1:alarms"), "mine", out)

    assert "API=https://api.example\n" in out.getvalue()
    assert "make first-key STACK=mine\n" in out.getvalue()
    assert "alarms" not in out.getvalue()


def test_alarms_that_notify_nobody_are_said_so() -> None:
    out = io.StringIO()

    announce(Cloudformation(AlarmTopicArn=""), "mine", out)

    assert "alarms notify nobody" in out.getvalue()


def test_a_deployment_that_fails_is_not_announced(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deploy, "code_hash", lambda *_: code_hash(built))
    out = io.StringIO()

    assert main(["--env", "dev"], out, run=lambda _: 3, cloudformation=Cloudformation()) == 3

    assert "API=" not in out.getvalue()


def test_a_change_that_is_only_shown_is_not_announced(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deploy, "code_hash", lambda *_: code_hash(built))
    out = io.StringIO()

    assert main(["--env", "dev", "--", "--no-execute-changeset"], out, run=lambda _: 0, cloudformation=None) == 0

    assert "API=" not in out.getvalue()


def test_a_deployment_runs_the_command_that_it_prints(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deploy, "code_hash", lambda *_: code_hash(built))
    out, ran = io.StringIO(), []

    assert (
        main(["--env", "dev"], out, run=lambda command: ran.append(command) or 0, cloudformation=Cloudformation()) == 0
    )

    assert out.getvalue().startswith(" ".join(ran[0]))
    assert "make first-key STACK=dynameter-dev" in out.getvalue()
