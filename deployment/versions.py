"""Checks that whatever is deployed comes to life: the alias of every function follows what its layers hold.

    python -m deployment.versions

Functions run what their alias ``live`` points to, a published version. SAM publishes one when the version's name
changes, which it makes from what it was told to look at. Runs in SAM's environment.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, TextIO

from deployment.transformed import transform

LAYERS = ("LibraryLayer", "DependenciesLayer")


def names(template: Mapping[str, Any], kind: str) -> set[str]:
    """The resources of that type."""
    return {name for name, one in template["Resources"].items() if one["Type"] == kind}


def stale(one: Mapping[str, Any], other: Mapping[str, Any]) -> set[str]:
    """The published versions that two states of the template share: they would go on running in the second."""
    return names(one, "AWS::Lambda::Version") & names(other, "AWS::Lambda::Version")


def faults() -> list[str]:
    """What would not come to life, or would be lost."""
    before = transform()
    found = [
        f"a new {layer} leaves {version} as it is"
        for layer in LAYERS
        for version in stale(before, transform(code={layer: "new"}))
    ]
    release = transform(parameters={"Release": "0" * 64})
    found += [f"a new Release leaves {version} as it is" for version in stale(before, release)]
    for kind in ("AWS::Lambda::Version", "AWS::Lambda::LayerVersion"):
        found += [
            f"{name} goes when the next one comes, and with it the way back"
            for name in names(before, kind)
            if before["Resources"][name].get("DeletionPolicy") != "Retain"
        ]
    if stale(before, transform()) != names(before, "AWS::Lambda::Version"):
        found.append("functions are published though nothing has changed")
    return sorted(found)


def main(out: TextIO) -> int:
    """Print the faults; answers the process's exit code."""
    found = faults()
    for one in found:
        print(one, file=out)
    print(f"{len(found)} ways in which a deployment would not come to life", file=out)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.stdout))
