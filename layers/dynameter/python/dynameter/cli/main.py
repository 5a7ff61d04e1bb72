"""The tree of commands, and how what goes wrong becomes a message and an exit code."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

from dynameter.cli.options import service_options
from dynameter.cli.output import Output
from dynameter.cli.session import Session
from dynameter.client.api import ApiError
from dynameter.clock import Clock

OK = 0
REFUSED = 1
"""The service refused, or part of the work was refused."""
WRONG_USAGE = 2
"""The command, its settings or its files are wrong."""
UNREACHABLE = 3
"""The service does not answer, or cannot for now; the same command may work later."""
INTERRUPTED = 130

_COMMANDS = {
    "routes": "dynameter.cli.routes:routes",
    "plans": "dynameter.cli.plans:plans",
    "meters": "dynameter.cli.meters:meters",
    "events": "dynameter.cli.events:events",
    "usage": "dynameter.cli.usage:usage",
    "keys": "dynameter.cli.keys:keys",
    "quota": "dynameter.cli.quota:quota",
    "cost": "dynameter.cli.cost:cost",
    "configure": "dynameter.cli.configure:configure",
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are looked up."""

    def __init__(self, *arguments: Any, lazy: Mapping[str, str], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in self._lazy:
            return None
        module, _, name = self._lazy[cmd_name].partition(":")
        found: click.Command = getattr(importlib.import_module(module), name)
        return found


@click.group(cls=LazyGroup, lazy=_COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@service_options
@click.version_option(package_name="dynameter", message="%(version)s")
def app() -> None:
    """Dynameter: exact usage metering in your own AWS account.

    Settings come from options, then DYNAMETER_URL, DYNAMETER_API_KEY and DYNAMETER_WORKSPACE, then the file that
    `dynameter configure` writes.
    """


def main(arguments: Sequence[str], env: Mapping[str, str] | None = None, clock: Clock | None = None) -> int:
    """Run one command line; answers its exit code."""
    session = Session(os.environ if env is None else env, clock)
    try:
        result = app.main(args=list(arguments), prog_name="dynameter", standalone_mode=False, obj=session)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        Output.complain("stopped")
        return INTERRUPTED
    except ApiError as error:
        Output.complain(error.message)
        return UNREACHABLE if error.passing else REFUSED
    except UnicodeEncodeError as error:
        if error.encoding != "utf-8":
            raise
        # Bytes of the command line or of standard input that no request can carry; none was made of them.
        Output.complain("what was given holds bytes that are no UTF-8")
        return WRONG_USAGE
    except BrokenPipeError:
        # Whoever read the output has seen enough; the interpreter must not complain when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    finally:
        session.close()
    return result if isinstance(result, int) else OK
