"""Every payload of events/ through the built function in Lambda's runtime, answered as its handler answers it."""

from __future__ import annotations

import pytest

from tests.integration.runtime.artifacts import BUILD, WITHOUT_BUILD
from tests.integration.runtime.conftest import Lambda
from tests.samples.payloads import SAMPLES, Sample
from tests.samples.world import World

if not BUILD:
    pytest.skip(WITHOUT_BUILD, allow_module_level=True)


@pytest.fixture(scope="session")
def world() -> World:
    """The functions in this process, which make what payloads name."""
    return World()


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda one: one.name)
def test_a_payload_is_answered(sample: Sample, aws_lambda: Lambda, world: World) -> None:
    aws_lambda.storage.empty()
    if sample.wants_new_process:
        aws_lambda.stop()
    sample.prepare(world)

    answer = aws_lambda.running(sample.function.name).invoke(sample.event())

    sample.check(answer)


def test_no_function_needs_more_memory_than_it_has(aws_lambda: Lambda, report: list[str]) -> None:
    aws_lambda.stop()
    functions = aws_lambda.artifacts.functions
    report.append("")
    report.append(f"{'after its payloads':<28}{'peak MB':>14}{'memory MB':>14}")
    report.extend(
        f"{name:<28}{peak:>14,.0f}{functions[name].memory_mb:>14,}" for name, peak in aws_lambda.peaks_mb.items()
    )

    assert [name for name, peak in aws_lambda.peaks_mb.items() if peak > functions[name].memory_mb] == []
