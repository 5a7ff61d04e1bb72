"""What an operator's commands learn from a deployed stack."""

from __future__ import annotations

from typing import Any


def read_outputs(cloudformation: Any, stack: str, *names: str) -> dict[str, str]:
    """The stack's outputs of these names. Raises LookupError where it lacks one."""
    found = {
        output["OutputKey"]: str(output["OutputValue"])
        for one in cloudformation.describe_stacks(StackName=stack)["Stacks"]
        for output in one.get("Outputs", [])
    }
    for name in names:
        if name not in found:
            raise LookupError(f"the stack {stack} has no output {name}: is it a Dynameter stack, fully deployed?")
    return {name: found[name] for name in names}
