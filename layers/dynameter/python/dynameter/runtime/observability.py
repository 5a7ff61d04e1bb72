"""One log format and one namespace of metrics for every function."""

from __future__ import annotations

from aws_lambda_powertools import Logger, Metrics

logger = Logger(service="dynameter", log_uncaught_exceptions=True)
metrics = Metrics(namespace="Dynameter", service="dynameter")
