"""Checks every role that the template becomes: what parliament finds in its policies, and rules of our own.

    python -m deployment.policies

SAM makes the roles, so the template is transformed first, as AWS does it and without asking AWS. A finding is a fault
unless ``waivers.toml`` has it with a reason; so is a waiver of which nothing is left. Runs in SAM's environment.
"""

from __future__ import annotations

import json
import sys
import tomllib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from deployment.transformed import REGION, transform

WAIVERS = Path(__file__).with_name("waivers.toml")

ACCOUNT = "123456789012"
_PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Region": REGION,
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::StackName": "dynameter",
}
_TABLE = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/%s"
_ARNS = {
    ("AWS::DynamoDB::Table", "Arn"): _TABLE,
    ("AWS::DynamoDB::Table", "StreamArn"): _TABLE + "/stream/2026-01-01T00:00:00.000",
    ("AWS::S3::Bucket", "Arn"): "arn:aws:s3:::%s",
    ("AWS::Events::EventBus", "Arn"): f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/%s",
}
_SERVICES = {"lambda.amazonaws.com", "codedeploy.amazonaws.com"}
_KEYED_TABLES = ("UsageTable", "CatalogTable")
"""Their items are of many kinds; a function that needs one kind may touch that alone."""


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """What is wrong (``issue``), with which part of the role's policies (``where``)."""

    role: str
    issue: str
    where: str

    def __str__(self) -> str:
        return f"{self.role}: {self.issue} {self.where}"


@dataclass(frozen=True, slots=True)
class Waiver:
    """A finding that stands for a reason, in these roles; no roles mean all."""

    issue: str
    where: str
    roles: frozenset[str]
    reason: str

    def covers(self, finding: Finding) -> bool:
        """Whether the finding is the one that stands."""
        return (self.issue, self.where) == (finding.issue, finding.where) and (
            not self.roles or finding.role in self.roles
        )


class Resolver:
    """References as the texts that AWS would put in their place."""

    def __init__(self, template: Mapping[str, Any]) -> None:
        self._resources = template["Resources"]
        self._parameters = template["Parameters"]

    def resolve(self, value: Any) -> Any:
        """The value with every reference in it resolved. Raises KeyError for one that has no form here yet."""
        if isinstance(value, list):
            return [self.resolve(one) for one in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((kind, argument),) = value.items()
            if kind == "Ref":
                return self._reference(argument)
            if kind == "Fn::GetAtt":
                return self._attribute(*argument)
            if kind == "Fn::Sub":
                return self._text(argument)
            if kind == "Fn::Join":
                return argument[0].join(self.resolve(argument[1]))
        return {key: self.resolve(one) for key, one in value.items()}

    def _reference(self, name: str) -> str:
        if name in self._parameters:
            return str(self._parameters[name].get("Default", ""))
        return _PSEUDO.get(name, name)

    def _attribute(self, name: str, attribute: str) -> str:
        return _ARNS[self._resources[name]["Type"], attribute] % name.lower().replace("table", "Table")

    def _text(self, argument: Any) -> str:
        text, variables = (argument, {}) if isinstance(argument, str) else argument
        head, *rest = text.split("${")
        parts = [head]
        for one in rest:
            name, _, tail = one.partition("}")
            if name in variables:
                found = self.resolve(variables[name])
            elif "." in name:
                found = self._attribute(*name.split(".", 1))
            else:
                found = self._reference(name)
            parts += [found, tail]
        return "".join(parts)


def findings(template: Mapping[str, Any]) -> Iterator[Finding]:
    """What is to be said of the roles and of the policies of buckets."""
    resolver = Resolver(template)
    for name, resource in template["Resources"].items():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::IAM::Role":
            yield from _of_role(name, properties, resolver)
        elif resource["Type"] == "AWS::S3::BucketPolicy":
            yield from _of_policy(name, resolver.resolve(properties["PolicyDocument"]))


def _of_role(name: str, properties: Mapping[str, Any], resolver: Resolver) -> Iterator[Finding]:
    for statement in properties["AssumeRolePolicyDocument"]["Statement"]:
        for principal in _listed(statement["Principal"].get("Service", "nobody that is a service")):
            if principal not in _SERVICES:
                yield Finding(name, "TRUSTS", str(principal))
    for arn in properties.get("ManagedPolicyArns", []):
        yield Finding(name, "MANAGED_POLICY", resolver.resolve(arn).partition(":policy/")[2])
    for policy in properties.get("Policies", []):
        yield from _of_policy(name, resolver.resolve(policy["PolicyDocument"]))


def _of_policy(name: str, document: Mapping[str, Any]) -> Iterator[Finding]:
    import parliament

    for found in parliament.analyze_policy_string(json.dumps(document), include_community_auditors=True).findings:
        detail = (
            found.detail if isinstance(found.detail, str) else json.dumps(found.detail, sort_keys=True, default=str)
        )
        yield Finding(name, found.issue, detail)
    for statement in document["Statement"]:
        if statement["Effect"] == "Allow":
            yield from (Finding(name, issue, where) for issue, where in _too_much(statement))


def _too_much(statement: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    keys = {key for condition in statement.get("Condition", {}).values() for key in condition}
    for action in _listed(statement.get("Action", "*")):
        if "*" in action or action == "dynamodb:Scan":
            yield "BROAD_ACTION", action
    for resource in _listed(statement.get("Resource", "*")):
        if "*" in resource.removeprefix("arn:aws:s3:::").removesuffix("/*"):
            yield "BROAD_RESOURCE", resource
        if resource.endswith(_KEYED_TABLES) and "dynamodb:LeadingKeys" not in keys:
            yield "EVERY_KEY", resource.rpartition("/")[2]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def read_waivers(path: Path = WAIVERS) -> list[Waiver]:
    """The findings that stand. Raises KeyError for a waiver without a reason."""
    document = tomllib.loads(path.read_text())
    return [
        Waiver(one["issue"], one["where"], frozenset(one.get("roles", ())), one["reason"])
        for one in document.get("waiver", [])
    ]


def judge(found: Sequence[Finding], waivers: Sequence[Waiver]) -> tuple[list[Finding], list[Waiver]]:
    """The findings that nothing waives, and the waivers that nothing needs."""
    faults = [one for one in found if not any(waiver.covers(one) for waiver in waivers)]
    idle = [
        waiver
        for waiver in waivers
        if not any(map(waiver.covers, found)) or not waiver.roles <= {one.role for one in found if waiver.covers(one)}
    ]
    return faults, idle


def main(out: TextIO) -> int:
    """Check the template; answers the process's exit code."""
    warnings.filterwarnings("ignore", "pkg_resources", UserWarning)  # parliament's own
    template = transform()
    found = sorted(set(findings(template)))
    waivers = read_waivers()
    faults, idle = judge(found, waivers)
    for fault in faults:
        print(f"not waived: {fault}", file=out)
    for waiver in idle:
        print(f"waiver of nothing: {waiver.issue} {waiver.where} {sorted(waiver.roles)}", file=out)
    roles = sum(one["Type"] == "AWS::IAM::Role" for one in template["Resources"].values())
    print(
        f"{roles} roles, {len(found)} findings, {len(found) - len(faults)} of them waived, "
        f"{len(template['Resources'])} of 500 resources",
        file=out,
    )
    return 1 if faults or idle or len(template["Resources"]) > 500 else 0


if __name__ == "__main__":
    sys.exit(main(sys.stdout))
