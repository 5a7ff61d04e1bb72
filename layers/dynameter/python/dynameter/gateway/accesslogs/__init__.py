"""Access logs of API Gateway, ALB and CloudFront as exchanges, for the modes ``request`` and ``bytes``. Pure."""

from dynameter.gateway.accesslogs.entry import BadLine, LogFormat, LoggedExchange
from dynameter.gateway.accesslogs.reader import detect_format, read_access_log

__all__ = ["BadLine", "LogFormat", "LoggedExchange", "detect_format", "read_access_log"]
