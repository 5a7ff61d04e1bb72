"""Import every built function as Lambda would: the function's folder, its layers and the standard library, no more.

    python3.13 -I -S check_built_functions.py BUILD_FOLDER

-I and -S keep this machine's own packages out. Needs nothing but the standard library.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
LAYERS = ("LibraryLayer", "DependenciesLayer")
TABLES = {"EVENTS_TABLE": "events", "USAGE_TABLE": "usage", "CATALOG_TABLE": "catalog"}
PROGRAM = "import sys; sys.path[:0] = sys.argv[1:]; import app; assert callable(app.handler)"


def layer_folders(build: Path) -> list[Path]:
    """Where each layer's ``python`` folder is: built, or the source of a layer that is taken as it is."""
    as_it_is = {"LibraryLayer": ROOT / "layers" / "dynameter" / "python"}
    found = [build / name / "python" if (build / name).is_dir() else as_it_is[name] for name in LAYERS]
    for folder in found:
        assert folder.is_dir(), f"{folder} is missing: was it built?"
    return found


def check(function: Path, layers: list[Path]) -> bool:
    """Import one function in an interpreter of its own; says what went wrong."""
    paths = [str(function), *map(str, layers)]
    environment = {"AWS_DEFAULT_REGION": "us-east-1", "PATH": os.environ.get("PATH", ""), **TABLES}
    done = subprocess.run(
        [sys.executable, "-B", "-I", "-S", "-c", PROGRAM, *paths],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    print(f"{function.name}: {'imports' if done.returncode == 0 else 'FAILS'}")
    if done.returncode:
        print(done.stderr)
    return done.returncode == 0


def main(build: Path) -> int:
    """Check every function of the build; answers the process's exit code."""
    functions = sorted(path.parent for path in build.glob("*/app.py"))
    if len(functions) != sum(1 for _ in (ROOT / "functions").glob("*/app.py")):
        print(f"{build} holds {len(functions)} functions, functions/ another number")
        return 1
    layers = layer_folders(build)
    results = [check(one, layers) for one in functions]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
