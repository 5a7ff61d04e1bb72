"""How long each function takes to start, beside importing boto3 and making one client."""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest

from tests.integration.runtime.artifacts import BUILD, WITHOUT_BUILD
from tests.integration.runtime.conftest import Lambda
from tests.samples.payloads import SAMPLES

if not BUILD:
    pytest.skip(WITHOUT_BUILD, allow_module_level=True)

ROUNDS = 5
PLAIN = "boto3 and a client alone"
_CODE = Path(__file__).parent / "plain"


def test_every_function_starts(aws_lambda: Lambda, report: list[str]) -> None:
    names = list(aws_lambda.artifacts.functions)
    found: dict[str, list[float]] = {PLAIN: [], **{name: [] for name in names}}
    for _ in range(ROUNDS):
        # In turn, so that whatever slows the machine slows all of them.
        for name in found:
            found[name].append(_start_ms(aws_lambda, name))
    plain = statistics.median(found[PLAIN])
    report.append("")
    report.append(f"{f'start-up, {ROUNDS} runs':<28}{'median ms':>14}{'least ms':>14}{'of boto3':>14}")
    report.extend(
        f"{name:<28}{statistics.median(times):>14,.0f}{min(times):>14,.0f}{statistics.median(times) / plain:>14.2f}"
        for name, times in found.items()
    )

    assert all(len(times) == ROUNDS for times in found.values())


def _start_ms(aws_lambda: Lambda, name: str) -> float:
    """Milliseconds of a cold start; the function starts with its first event, whatever it makes of it."""
    aws_lambda.stop()
    if name == PLAIN:
        emulator = aws_lambda.start(next(iter(aws_lambda.artifacts.functions)), _CODE)
        emulator.invoke({})
    else:
        emulator = aws_lambda.start(name)
        emulator.invoke(next(one for one in SAMPLES if one.function.name == name).event())
    elapsed = emulator.init_ms()
    aws_lambda.stop()
    return elapsed
