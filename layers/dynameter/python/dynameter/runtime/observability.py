"""One log format and one namespace of metrics for every function."""

from __future__ import annotations

import os
from collections.abc import Mapping
from threading import Lock

from aws_lambda_powertools import Logger, Metrics

# On AWS the stack's name, so that two stacks of one account do not add up.
_service = os.environ.get("POWERTOOLS_SERVICE_NAME") or "dynameter"

logger = Logger(service=_service, log_uncaught_exceptions=True)
metrics = Metrics(namespace="Dynameter", service=_service)

# The local server runs functions in threads, and Powertools keeps one set of metrics a process.
_metrics_lock = Lock()


def publish_counts(counts: Mapping[str, float], unit: str = "Count") -> None:
    """Publish the metrics that are not zero as one EMF record. Never fails: the work they tell of is done."""
    told = {name: value for name, value in counts.items() if value}
    if not told:
        return
    try:
        with _metrics_lock:
            for name, value in told.items():
                metrics.add_metric(name=name, unit=unit, value=value)
            metrics.flush_metrics()
    except Exception:
        logger.exception("metrics could not be published")
