"""Log lines on standard error: structured, and without any phone number."""

import logging
import re
import sys
from contextlib import suppress
from typing import TextIO, cast

import structlog
from structlog.typing import EventDict, WrappedLogger

NUMBER = re.compile(r"\+?\d{9,}")


def redact(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    """Blot out whatever looks like a phone number, in every value."""
    return {
        key: NUMBER.sub("(number)", value) if isinstance(value, str) else value
        for key, value in event.items()
    }


class Patient:
    """Standard error that loses a line rather than end who writes it: a log on a full disk."""

    def write(self, text: str) -> int:
        with suppress(OSError):
            return sys.stderr.write(text)
        return 0

    def flush(self) -> None:
        with suppress(OSError):
            sys.stderr.flush()


def to_stderr(level: int = logging.INFO) -> None:
    """Set logging up for a service: ours through structlog, libraries' from WARNING on."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            redact,
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, Patient())),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(name)s %(message)s")
    logging.getLogger("panoramisk").setLevel(logging.CRITICAL)  # asterisk/link.py says it better
