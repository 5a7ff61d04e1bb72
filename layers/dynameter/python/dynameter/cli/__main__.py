"""The entry point of ``dynameter`` and ``python -m dynameter.cli``."""

from __future__ import annotations

import sys


def run() -> int:
    """Run the command line; answers the process's exit code."""
    try:
        from dynameter.cli.main import main
    except ModuleNotFoundError as error:
        if (error.name or "").split(".", 1)[0] == "dynameter":
            raise
        print(f"the command line needs {error.name}: pip install 'dynameter[cli]'", file=sys.stderr)
        return 2
    return main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(run())
