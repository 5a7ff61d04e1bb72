"""``make audit`` passes when a service answered and nothing is known, and in no other case."""

from __future__ import annotations

import datetime
import json

import pytest

from requirements import audit

TODAY = datetime.date(2026, 11, 22)
FLAW: dict[str, object] = {"id": "PYSEC-2026-1", "aliases": ["CVE-2026-1"], "fix_versions": ["2.0"]}
WAIVER = audit.Waiver("CVE-2026-1", "flawed", "the part is not used", TODAY)


def package(name: str, *flaws: dict[str, object]) -> dict[str, object]:
    return {"name": name, "version": "1.0", "vulns": list(flaws)}


def unknown(name: str) -> dict[str, object]:
    return {"name": name, "skip_reason": "not found"}


def answering(**answers: list[dict[str, object]]) -> audit.Auditor:
    """Services by name with what pip-audit would print of them; those that are left out do not answer."""
    return lambda service, _: audit.read_report(json.dumps({"dependencies": answers.get(service, [])}))


def code(auditor: audit.Auditor, *waivers: audit.Waiver, today: datetime.date = TODAY) -> int:
    return audit.audit(auditor, waivers, today, locks=["a.txt"])


def test_packages_without_a_known_vulnerability_pass() -> None:
    assert code(answering(pypi=[package("fine")])) == audit.CLEAN


def test_a_known_vulnerability_fails() -> None:
    assert code(answering(pypi=[package("fine"), package("flawed", FLAW)])) == audit.FAILED


def test_a_vulnerability_is_told_with_its_lock_its_names_and_its_fix(capsys: pytest.CaptureFixture[str]) -> None:
    code(answering(pypi=[package("flawed", FLAW)]))

    assert "a.txt: flawed 1.0: PYSEC-2026-1 CVE-2026-1, fixed in 2.0" in capsys.readouterr().out


def test_a_waiver_lets_its_vulnerability_through_by_any_of_its_names() -> None:
    assert code(answering(pypi=[package("flawed", FLAW)]), WAIVER) == audit.CLEAN


def test_a_waiver_is_for_one_package() -> None:
    assert code(answering(pypi=[package("flawed", FLAW), package("other", FLAW)]), WAIVER) == audit.FAILED


def test_a_waiver_ends() -> None:
    answers = answering(pypi=[package("flawed", FLAW)])

    assert code(answers, WAIVER, today=TODAY + datetime.timedelta(days=1)) == audit.FAILED


def test_a_waiver_of_nothing_fails() -> None:
    assert code(answering(pypi=[package("flawed")]), WAIVER) == audit.FAILED


def test_when_no_service_answers_that_is_said() -> None:
    assert code(answering()) == audit.NO_SERVICE


def test_a_service_that_knows_none_of_the_packages_does_not_pass_them() -> None:
    assert code(answering(pypi=[unknown("fine")], osv=[unknown("fine")])) == audit.NO_SERVICE


def test_a_package_that_nobody_knows_fails() -> None:
    assert code(answering(pypi=[package("fine"), unknown("private")])) == audit.FAILED


def test_the_next_service_is_asked_when_one_does_not_know_all() -> None:
    answers = answering(pypi=[unknown("fine"), package("other")], osv=[package("fine"), package("other")])

    assert code(answers) == audit.CLEAN


@pytest.mark.parametrize("text", ["", "Traceback", "[]", "{}", '{"dependencies": []}'])
def test_what_is_no_report_is_no_answer(text: str) -> None:
    assert audit.read_report(text) is None


def test_the_waivers_of_the_project_have_reasons() -> None:
    waivers = audit.read_waivers(audit.WAIVERS.read_text())

    assert [one for one in waivers if not one.reason.strip()] == []
