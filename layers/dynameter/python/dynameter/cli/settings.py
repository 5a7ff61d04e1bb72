"""Where the service is and with which key: options, then the environment, then a profile of the settings file.

The file is TOML, readable by its owner alone:

    profile = "default"

    [profiles.default]
    url = "https://..."
    key = "dm_..."
    workspace = "00000000-0000-4000-8000-000000000001"
"""

from __future__ import annotations

import os
import re
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import platformdirs

from dynameter.access.key import LOCAL_KEY

FILE_VARIABLE = "DYNAMETER_CONFIG"
PROFILE_VARIABLE = "DYNAMETER_PROFILE"
VARIABLES = {"url": "DYNAMETER_URL", "key": "DYNAMETER_API_KEY", "workspace": "DYNAMETER_WORKSPACE"}
DEFAULT_PROFILE = "default"
LOCAL_WORKSPACE = "00000000-0000-4000-8000-000000000001"
"""The workspace of the local server's key."""
OWNER_ONLY = 0o600

_PROFILE_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\"\\]")


class BadSettings(Exception):
    """The settings file, or what shall be written into it, is wrong; the message says what."""


@dataclass(frozen=True, slots=True)
class Place:
    """What of the service's place and key is known; None is not said."""

    url: str | None = None
    key: str | None = field(default=None, repr=False)
    workspace: str | None = None

    def over(self, other: Place) -> Place:
        """This, and where it says nothing the other."""
        return Place(self.url or other.url, self.key or other.key, self.workspace or other.workspace)


def file_path(env: Mapping[str, str]) -> Path:
    """The settings file: named by the environment, or in the user's folder for settings."""
    named = env.get(FILE_VARIABLE)
    return Path(named) if named else platformdirs.user_config_path("dynameter") / "config.toml"


def resolve(options: Place, env: Mapping[str, str], profile: str | None) -> Place:
    """What holds: options before the environment before the file. Raises ``BadSettings``."""
    from_env = Place(**{name: env.get(variable) or None for name, variable in VARIABLES.items()})
    path, wanted = file_path(env), profile or env.get(PROFILE_VARIABLE)
    found = options.over(from_env).over(read_profile(path, wanted))
    if found.workspace is None and found.key == LOCAL_KEY:
        return found.over(Place(workspace=LOCAL_WORKSPACE))
    return found


def read_profile(path: Path, wanted: str | None) -> Place:
    """The named profile, or the one in use; nothing where there is no file. Raises ``BadSettings``."""
    content = _read(path)
    name = wanted or content.get("profile", DEFAULT_PROFILE)
    profiles = content.get("profiles", {})
    if not isinstance(profiles, dict) or not isinstance(name, str):
        raise BadSettings(f"{path}: profile must be a name and profiles a table")
    if name not in profiles:
        if wanted:
            raise BadSettings(f"{path} has no profile {wanted!r}")
        return Place()
    given = profiles[name]
    if not isinstance(given, dict) or not all(isinstance(given.get(one, ""), str) for one in VARIABLES):
        raise BadSettings(f"{path}: url, key and workspace of profile {name!r} must be texts")
    return Place(**{one: given.get(one) or None for one in VARIABLES})


def write_profile(path: Path, name: str, place: Place) -> None:
    """Put the profile into the file and make it the one in use; other profiles stay. Raises ``BadSettings``.

    The file is replaced as a whole, and never readable by others.
    """
    if not _PROFILE_NAME.fullmatch(name):
        raise BadSettings("a profile's name has 1 to 64 letters, digits, _ or -")
    content = _read(path)
    kept = content.get("profiles", {})
    profiles = {**(kept if isinstance(kept, dict) else {}), name: {one: getattr(place, one) for one in VARIABLES}}
    lines = [f"profile = {_quoted(name)}"]
    for one, values in profiles.items():
        if not isinstance(values, dict):
            raise BadSettings(f"{path}: profile {one!r} must be a table")
        lines += ["", f"[profiles.{one if _PROFILE_NAME.fullmatch(one) else _quoted(one)}]"]
        lines += [f"{key} = {_quoted(values[key], key)}" for key in VARIABLES if values.get(key)]
    _replace(path, "\n".join(lines) + "\n")


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadSettings(f"{path} cannot be read: {error}") from None


def _replace(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # mkstemp makes the file readable by its owner alone from the start.
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).chmod(OWNER_ONLY)
        Path(temporary).replace(path)
    except OSError as error:
        raise BadSettings(f"{path} cannot be written: {error}") from None


def _quoted(value: object, what: str = "name") -> str:
    """The value as TOML has it. What it is is not told where it is wrong: it may be a key."""
    if not isinstance(value, str) or _UNSAFE.search(value):
        raise BadSettings(f"a profile's {what} is no text, or has characters that no address, key or workspace has")
    return f'"{value}"'
