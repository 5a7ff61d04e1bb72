"""template.yaml, read as far as the local server and the tests need it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from yaml import SafeLoader as _SafeLoader
else:
    # the one in C, where it was built, is five times as fast
    _SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

ROOT = Path(__file__).resolve().parent.parent
_PSEUDO_PARAMETERS = {"AWS::StackName": "dynameter"}


@dataclass(frozen=True, slots=True)
class Route:
    """One route of the API; ``key`` is API Gateway's route key, ``authorized`` whether the authorizer guards it."""

    method: str
    path: str
    function: str
    authorized: bool = True

    @property
    def key(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class StreamMapping:
    """One event source mapping of a function on a table's stream."""

    function: str
    table: str
    properties: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BusRule:
    """One rule of an event bus that triggers a function."""

    function: str
    pattern: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Function:
    """One Lambda function: its code folder, handler and limits, its environment with references resolved."""

    name: str
    folder: Path
    handler: str
    environment: Mapping[str, str]
    timeout_s: int = 3
    memory_mb: int = 128


class _Loader(_SafeLoader):
    """YAML with CloudFormation's short tags kept as one-key mappings, e.g. ``{"Ref": "Api"}``."""


def _tag(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    return {suffix: value}


_Loader.add_multi_constructor("!", _tag)


class Template:
    """A view of the template: functions, routes, tables, stream mappings. A table's name here is its logical id."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self._resources: Mapping[str, Any] = document["Resources"]

    @classmethod
    def load(cls, path: Path = ROOT / "template.yaml") -> Template:
        """Read the template file."""
        return cls(yaml.load(path.read_text(), Loader=_Loader))  # noqa: S506 (a SafeLoader with inert tags)

    def functions(self) -> list[Function]:
        """Every function of the template."""
        shared = self.document["Globals"]["Function"]
        found = []
        for name, resource in self._of_type("AWS::Serverless::Function"):
            properties = {**shared, **resource["Properties"]}
            variables = {
                **shared.get("Environment", {}).get("Variables", {}),
                **resource["Properties"].get("Environment", {}).get("Variables", {}),
            }
            environment = {key: str(self.resolve(value)) for key, value in variables.items()}
            found.append(
                Function(
                    name,
                    ROOT / properties["CodeUri"],
                    properties["Handler"],
                    environment,
                    int(self.resolve(properties.get("Timeout", 3))),
                    int(self.resolve(properties.get("MemorySize", 128))),
                )
            )
        return found

    def routes(self) -> list[Route]:
        """Every route of the API."""
        found = []
        for _, resource in self._of_type("AWS::ApiGatewayV2::Route"):
            properties = resource["Properties"]
            method, path = properties["RouteKey"].split(" ", 1)
            integration = properties["Target"]["Sub"].removeprefix("integrations/${").removesuffix("}")
            function = self._resources[integration]["Properties"]["IntegrationUri"]["Ref"].removesuffix(".Alias")
            found.append(Route(method, path, function, properties.get("AuthorizationType") == "CUSTOM"))
        return found

    def stream_mappings(self) -> list[StreamMapping]:
        """Every DynamoDB stream that triggers a function."""
        return [
            StreamMapping(name, event["Properties"]["Stream"]["GetAtt"].split(".")[0], event["Properties"])
            for name, resource in self._of_type("AWS::Serverless::Function")
            for event in resource["Properties"].get("Events", {}).values()
            if event["Type"] == "DynamoDB"
        ]

    def bus_rules(self) -> list[BusRule]:
        """Every rule of an event bus that triggers a function."""
        return [
            BusRule(name, event["Properties"]["Pattern"])
            for name, resource in self._of_type("AWS::Serverless::Function")
            for event in resource["Properties"].get("Events", {}).values()
            if event["Type"] == "EventBridgeRule"
        ]

    def authorizer(self) -> str:
        """The function that verifies keys."""
        for _, resource in self._of_type("AWS::ApiGatewayV2::Authorizer"):
            uri: list[Any] = resource["Properties"]["AuthorizerUri"]["Sub"]
            function: str = uri[1]["Function"]["Ref"]
            return function.removesuffix(".Alias")
        raise LookupError("the template has no authorizer")

    def table_definitions(self) -> list[dict[str, Any]]:
        """The tables as arguments of CreateTable."""
        found = []
        for name, resource in self._of_type("AWS::DynamoDB::Table"):
            properties = resource["Properties"]
            definition = {
                key: properties[key]
                for key in ("AttributeDefinitions", "KeySchema", "BillingMode", "GlobalSecondaryIndexes")
                if key in properties
            }
            if "StreamSpecification" in properties:
                definition["StreamSpecification"] = {"StreamEnabled": True, **properties["StreamSpecification"]}
            found.append({"TableName": name, **definition})
        return found

    def resolve(self, value: Any) -> Any:
        """A reference to a parameter as its default, to a resource as its logical id; anything else as it is."""
        if isinstance(value, dict) and "Ref" in value:
            name = value["Ref"]
            parameters = self.document.get("Parameters", {})
            if name in parameters:
                return parameters[name].get("Default", "")
            return _PSEUDO_PARAMETERS.get(name, name)
        return value

    def _of_type(self, kind: str) -> list[tuple[str, Mapping[str, Any]]]:
        return [(name, resource) for name, resource in self._resources.items() if resource["Type"] == kind]


def create_tables(client: DynamoDBClient, template: Template, prefix: str = "") -> dict[str, str]:
    """Create the template's tables that are not there yet; answers logical id -> table name."""
    names = {}
    for definition in template.table_definitions():
        logical = definition["TableName"]
        names[logical] = prefix + logical
        try:
            client.create_table(**{**definition, "TableName": names[logical]})
        except client.exceptions.ResourceInUseException:
            continue
        client.get_waiter("table_exists").wait(TableName=names[logical], WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    return names
