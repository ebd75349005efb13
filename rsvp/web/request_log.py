"""Request log: one line per request, without addresses, names and secret links."""

from __future__ import annotations

import logging
import re
import time

from flask import Flask, Response, g, request

SECRET_PATH = re.compile(
    # Door passes stand beside addresses with names, which are shorter.
    r"(/[rtu]/|/organize/(?:first|password)/|/door/(?=[\w-]{12}))[^/\s?#\"'\])]+"
)
MAIL_ADDRESS = re.compile(r"[^\s@<>()\"'=,;:]+@[^\s@<>()\"'=,;:]+")

log = logging.getLogger("rsvp.requests")
FORMATTER = logging.Formatter()


def init_app(app: Flask) -> None:
    app.logger.addFilter(MaskingFilter())
    log.addFilter(MaskingFilter())
    app.before_request(record_start)
    app.after_request(log_request)


def mask_secrets(text: str) -> str:
    """The text without secret links and mail addresses: `/r/…/cancellation`."""
    return MAIL_ADDRESS.sub("…@…", SECRET_PATH.sub(r"\1…", text))


class MaskingFilter(logging.Filter):
    """Mask each record, its traceback too: errors quote the row they stumbled over."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = mask_secrets(record.getMessage()), ()
        if record.exc_info and not record.exc_text:
            record.exc_text = mask_secrets(FORMATTER.formatException(record.exc_info))
        return True


def record_start() -> None:
    if log.isEnabledFor(logging.INFO):
        g.request_started = time.perf_counter()


def log_request(response: Response) -> Response:
    if log.isEnabledFor(logging.INFO):
        started = g.get("request_started")
        took = (time.perf_counter() - started) * 1000 if started else 0.0
        log.info(
            "%s %s %d %.1f ms", request.method, request.path, response.status_code, took
        )
    return response
