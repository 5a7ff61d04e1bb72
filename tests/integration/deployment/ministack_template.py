"""The built template with what ministack cannot make changed. What is changed is listed; all else is deployed as built.

ministack 1.5.33 has no CodeDeploy, so functions switch to new code at once, and no metric math: an alarm on it becomes
one on the first of its metrics, so that whatever names the alarm still finds it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

Change = tuple[str, str]
"""A resource and the name of one of its properties."""


def for_ministack(template: Mapping[str, Any]) -> tuple[dict[str, Any], list[Change]]:
    """The template for ministack, and in which properties it differs from the one given."""
    derived = copy.deepcopy(dict(template))
    changes = []
    for name, resource in derived["Resources"].items():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Serverless::Function" and properties.pop("DeploymentPreference", None):
            changes.append((name, "DeploymentPreference"))
        if resource["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in properties:
            first = _first_metric(properties.pop("Metrics"))
            properties.update(first)
            changes += [(name, one) for one in ("Metrics", *first)]
    return derived, changes


def with_release(template: Mapping[str, Any], release: str) -> dict[str, Any]:
    """The template with a release that SAM's transform sees: ministack gives it no parameters but their defaults."""
    derived = copy.deepcopy(dict(template))
    derived["Parameters"]["Release"]["Default"] = release
    return derived


def with_settling(template: Mapping[str, Any], seconds: int) -> dict[str, Any]:
    """The template whose jobs wait so long before they read what has been written."""
    derived = copy.deepcopy(dict(template))
    derived["Globals"]["Function"]["Environment"]["Variables"]["SETTLE_MS"] = str(seconds * 1_000)
    return derived


def described(changes: list[Change]) -> Iterator[str]:
    """The changes for a reader, a line each."""
    at_once = sorted(name for name, changed in changes if changed == "DeploymentPreference")
    yield f"no CodeDeploy there, so at once instead of gradually: {', '.join(at_once)}"
    alarms = sorted(name for name, changed in changes if changed == "Metrics")
    yield f"no metric math there, so on their first metric alone: {', '.join(alarms)}"


def _first_metric(metrics: list[Any]) -> dict[str, Any]:
    """The properties of an alarm on the first metric that is no expression."""
    first = next(one["MetricStat"] for one in metrics if "MetricStat" in one)
    return {**first["Metric"], "Statistic": first["Stat"], "Period": first["Period"]}
