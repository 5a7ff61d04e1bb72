"""What one run of the command line shares: its settings, its client, its output."""

from __future__ import annotations

import urllib.parse
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import click

from dynameter.cli.output import Output
from dynameter.cli.settings import BadSettings, Place, resolve
from dynameter.client.api import ApiClient
from dynameter.clock import Clock, SystemClock

TIMEOUT_S = 30.0
"""API Gateway answers within 30 seconds, one way or the other."""


class Session:
    """Made before the options are read; ``options``, ``profile`` and ``output`` are set by them."""

    def __init__(self, env: Mapping[str, str], clock: Clock | None = None) -> None:
        self.env = env
        self.clock: Clock = clock or SystemClock()
        self.options = Place()
        self.profile: str | None = None
        self.output = Output()
        self._client: ApiClient | None = None

    @cached_property
    def place(self) -> Place:
        """The settings that hold. Raises a usage error where they are wrong."""
        try:
            return resolve(self.options, self.env, self.profile)
        except BadSettings as error:
            raise click.UsageError(str(error)) from None

    @property
    def client(self) -> ApiClient:
        """The client of the service. Raises a usage error where its address or the key is not known."""
        if self._client is None:
            url, key = self.place.url, self.place.key
            if not url or not key:
                missing = "address" if not url else "API key"
                raise click.UsageError(
                    f"the service's {missing} is not known: run `dynameter configure`, "
                    f"or set {'DYNAMETER_URL' if not url else 'DYNAMETER_API_KEY'}"
                )
            try:
                self._client = ApiClient(url, key, timeout_s=TIMEOUT_S, sleep=self.clock.sleep)
            except ValueError as error:
                raise click.UsageError(str(error)) from None
        return self._client

    @property
    def workspace(self) -> str:
        """The workspace, ready to stand in a path. Raises a usage error where it is not known."""
        if not self.place.workspace:
            raise click.UsageError(
                "the workspace is not known: set DYNAMETER_WORKSPACE, or run `dynameter configure --workspace ID`"
            )
        return segment(self.place.workspace)

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()


def segment(text: str) -> str:
    """The text as one segment of a path."""
    return urllib.parse.quote(text, safe="")


def pass_session(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give the run's session to a command as its first argument."""
    return click.make_pass_decorator(Session)(command)
