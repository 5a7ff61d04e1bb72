"""The count of steps that the fuzz tests hold work to."""

from __future__ import annotations

import re

from tests.abuse.fuzz.steps import lines_run


def test_an_emptied_cache_of_patterns_does_not_change_the_count() -> None:
    def work() -> object:
        return re.match(r"(?P<name>[a-z]+)|(?P<number>[0-9]+)|(?P<rest>.*)", "abc")

    work()
    usual = lines_run(work)[1]

    re.purge()

    assert lines_run(work)[1] == usual


def test_every_round_of_a_loop_is_counted() -> None:
    def work() -> None:
        for _ in range(100):
            pass

    assert lines_run(work)[1] >= 100


def test_what_the_work_raises_is_given() -> None:
    assert isinstance(lines_run(lambda: int("no"))[0], ValueError)
