"""What every service and command of Holdfast shares: the error table as problem documents,
settings from file, environment and flags, logging, metrics, events, health, and the output of
commands. Nothing here knows what a blob is. The roots of the error tree are here as well, since
other packages hang their own errors under them.
"""

from da_node import __version__ as VERSION
from da_node.errors import (
    BadConfiguration,
    BadData,
    BadRequest,
    Bug,
    DeadlineExceeded,
    EmptyPayload,
    FalseAnswer,
    HoldfastError,
    MalformedRequest,
    MethodNotAllowed,
    NotEnough,
    NotFound,
    NotReady,
    PayloadMismatch,
    PayloadTooLarge,
    PeerUnreachable,
    Pruned,
    Rejected,
    StoreFault,
    StoreFull,
    TooManyRequests,
    Unavailable,
    UnknownBlob,
    UnsupportedVersion,
    WrongLength,
)
from da_node.service.config import Settings, documentation, load
from da_node.service.events import Broadcast, Closed, Lagged, Subscription
from da_node.service.flags import settings_flags
from da_node.service.health import Health, Report
from da_node.service.logging import configure_logging, logger
from da_node.service.metrics import METRICS_CONTENT_TYPE, Metrics, RequestMetrics
from da_node.service.node_settings import NodeSettings
from da_node.service.output import Output, Progress, table, with_output
from da_node.service.problems import (
    PROBLEM_CONTENT_TYPE,
    Problem,
    error_from,
    error_table,
    problem_of,
)
from da_node.service.service_settings import ServiceSettings
from da_node.service.sse import (
    EventDecoder,
    ServerEvent,
    StreamTooLong,
    encode_comment,
    encode_event,
)
from da_node.service.terminal import printable
from da_node.service.units import format_bytes, parse_bytes, parse_rate, parse_seconds
from da_node.service.upload_settings import UploadSettings

__all__ = [
    "METRICS_CONTENT_TYPE",
    "PROBLEM_CONTENT_TYPE",
    "VERSION",
    "BadConfiguration",
    "BadData",
    "BadRequest",
    "Broadcast",
    "Bug",
    "Closed",
    "DeadlineExceeded",
    "EmptyPayload",
    "EventDecoder",
    "FalseAnswer",
    "Health",
    "HoldfastError",
    "Lagged",
    "MalformedRequest",
    "MethodNotAllowed",
    "Metrics",
    "NodeSettings",
    "NotEnough",
    "NotFound",
    "NotReady",
    "Output",
    "PayloadMismatch",
    "PayloadTooLarge",
    "PeerUnreachable",
    "Problem",
    "Progress",
    "Pruned",
    "Rejected",
    "Report",
    "RequestMetrics",
    "ServerEvent",
    "ServiceSettings",
    "Settings",
    "StoreFault",
    "StoreFull",
    "StreamTooLong",
    "Subscription",
    "TooManyRequests",
    "Unavailable",
    "UnknownBlob",
    "UnsupportedVersion",
    "UploadSettings",
    "WrongLength",
    "configure_logging",
    "documentation",
    "encode_comment",
    "encode_event",
    "error_from",
    "error_table",
    "format_bytes",
    "load",
    "logger",
    "parse_bytes",
    "parse_rate",
    "parse_seconds",
    "printable",
    "problem_of",
    "settings_flags",
    "table",
    "with_output",
]
