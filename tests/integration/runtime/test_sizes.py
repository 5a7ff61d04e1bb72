"""What is uploaded stays small: a cold start reads it, and Lambda takes no more than 250 MB of a function."""

from __future__ import annotations

import pytest

from tests.integration.runtime.artifacts import BUILD, WITHOUT_BUILD, Artifacts

if not BUILD:
    pytest.skip(WITHOUT_BUILD, allow_module_level=True)

MB = 1024 * 1024
FUNCTION_BYTES = 64 * 1024
"""A function's own folder, unpacked: a thin app.py."""
UNPACKED_BYTES = 64 * MB
"""A function with both layers, unpacked; Lambda's own limit is 250 MB."""
ZIPPED_BYTES = 32 * MB
"""The same, as uploaded."""


def test_every_artifact_is_small(artifacts: Artifacts, report: list[str]) -> None:
    sizes = artifacts.sizes()
    report.append("")
    report.append(f"{'artefact':<28}{'unpacked KiB':>14}{'zipped KiB':>14}")
    report.extend(
        f"{name:<28}{size.unpacked / 1024:>14,.0f}{size.zipped / 1024:>14,.0f}" for name, size in sizes.items()
    )

    layers = [size for name, size in sizes.items() if name.startswith("layer ")]
    functions = [size for name, size in sizes.items() if not name.startswith("layer ")]

    assert len(layers) == 2
    assert len(functions) == len(artifacts.functions)
    assert max(size.unpacked for size in functions) <= FUNCTION_BYTES
    assert sum(size.unpacked for size in layers) + FUNCTION_BYTES <= UNPACKED_BYTES
    assert sum(size.zipped for size in layers) + FUNCTION_BYTES <= ZIPPED_BYTES
