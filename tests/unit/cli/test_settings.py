"""Where settings come from, and what the settings file holds."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from dynameter.cli.settings import LOCAL_WORKSPACE, BadSettings, Place, read_profile, resolve, write_profile
from tests.fake_service import FakeService, Told
from tests.unit.cli.conftest import Run

FILE = Place("https://file", "dm_file", "w-file")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "config.toml"


def test_options_win_over_the_environment_and_that_over_the_file(path: Path) -> None:
    write_profile(path, "default", FILE)
    env = {"DYNAMETER_CONFIG": str(path), "DYNAMETER_URL": "https://env", "DYNAMETER_API_KEY": "dm_env"}

    assert resolve(Place(url="https://option"), env, None) == Place("https://option", "dm_env", "w-file")


def test_an_empty_variable_says_nothing(path: Path) -> None:
    write_profile(path, "default", FILE)

    assert resolve(Place(), {"DYNAMETER_CONFIG": str(path), "DYNAMETER_URL": ""}, None) == FILE


def test_the_local_servers_key_has_a_known_workspace(path: Path) -> None:
    env = {"DYNAMETER_CONFIG": str(path), "DYNAMETER_API_KEY": "dm_local_admin"}

    assert resolve(Place(), env, None).workspace == LOCAL_WORKSPACE


def test_the_file_is_readable_by_its_owner_alone(path: Path) -> None:
    write_profile(path, "default", FILE)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_others_could_read_is_closed_when_it_is_written(path: Path) -> None:
    write_profile(path, "default", FILE)
    path.chmod(0o644)

    write_profile(path, "default", FILE)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_profiles_stand_side_by_side_and_the_last_written_is_in_use(path: Path) -> None:
    write_profile(path, "default", FILE)
    write_profile(path, "staging", Place("https://staging", "dm_s"))

    assert read_profile(path, "default") == FILE
    assert read_profile(path, None) == Place("https://staging", "dm_s")


def test_an_unknown_profile_is_an_error(path: Path) -> None:
    with pytest.raises(BadSettings, match="no profile 'other'"):
        read_profile(path, "other")


@pytest.mark.parametrize(
    "text", ["nonsense", "profile = 3", "profiles = 3", '[profiles]\ndefault = "x"', "[profiles.default]\nurl = 3"]
)
def test_a_broken_file_is_an_error_that_names_it(path: Path, text: str) -> None:
    path.parent.mkdir()
    path.write_text(text)

    with pytest.raises(BadSettings, match=r"config\.toml"):
        read_profile(path, None)


@pytest.mark.parametrize("name", ["", "a.b", "a b", "x" * 65])
def test_a_profile_has_a_plain_name(path: Path, name: str) -> None:
    with pytest.raises(BadSettings):
        write_profile(path, name, FILE)


def test_profiles_of_other_names_are_kept_as_they_are(path: Path) -> None:
    path.parent.mkdir()
    path.write_text('[profiles."my.prod"]\nurl = "https://prod"\nkey = "dm_p"\n')

    write_profile(path, "default", FILE)

    assert read_profile(path, "my.prod") == Place("https://prod", "dm_p")


@pytest.mark.parametrize("text", ["[profiles]\nother = 3", "[profiles.other]\nkey = 3"])
def test_a_broken_profile_is_an_error_when_another_one_is_written(path: Path, text: str) -> None:
    path.parent.mkdir()
    path.write_text(text)

    with pytest.raises(BadSettings):
        write_profile(path, "default", FILE)


def test_a_key_that_cannot_be_kept_is_not_shown(run: Run, service: FakeService) -> None:
    done = run("configure", "--url", service.url, "--key", 'dm_secret"')

    assert done.code == 2
    assert "secret" not in done.out + done.err


def test_configure_writes_what_the_other_commands_then_use(run: Run, env: dict[str, str], service: FakeService) -> None:
    url = env.pop("DYNAMETER_URL")
    del env["DYNAMETER_API_KEY"]
    service.answer = lambda _: Told(200, [])

    written = run("configure", "--url", url, "--key", "dm_abcdefghijkl_" + "s" * 40)
    listed = run("meters", "list")

    assert (written.code, listed.code) == (0, 0)
    assert service.sent[0].headers["authorization"] == "Bearer dm_abcdefghijkl_" + "s" * 40


def test_configure_shows_a_key_only_by_its_id(run: Run, env: dict[str, str]) -> None:
    env["DYNAMETER_API_KEY"] = "dm_abcdefghijkl_" + "s" * 40

    done = run("configure", "--show")

    assert "dm_abcdefghijkl_..." in done.out
    assert "ssss" not in done.out + done.err


def test_configure_refuses_an_address_that_is_none(run: Run) -> None:
    assert run("configure", "--url", "localhost", "--key", "k").code == 2
