"""``python -m local``, its functions judged by the template's policies: ``python -m tests.judged_server``."""

from __future__ import annotations

import runpy

from tests.policies import enforce

if __name__ == "__main__":
    enforce()
    runpy.run_module("local", run_name="__main__", alter_sys=True)
