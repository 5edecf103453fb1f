"""Records of ``logging`` as ``$/log`` notifications, tied to the call that wrote them."""

import logging
import sys
from typing import TYPE_CHECKING, Any

from whipper import json_text, protocol
from whipper.context import current

if TYPE_CHECKING:
    from whipper.worker import Worker

_MAX_MESSAGE = 64 * 1024
_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

_serving: "Worker | None" = None


class LogHandler(logging.Handler):
    """Sends records to the supervisor's log, with the logger's name, ``extra`` and traceback as attributes.

    A worker gets one, unless its script has given the root logger a handler or a format. Where no worker serves (in the
    application, in a forked child) records go to stderr.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Sends one record."""
        try:
            worker = _serving
            if worker is None or not worker.log(self._frame(record)):
                print(self.format(record), file=sys.stderr)
        except Exception:
            self.handleError(record)

    def _frame(self, record: logging.LogRecord) -> bytes:
        message = record.getMessage() if self.formatter is None else self.format(record)
        attributes: dict[str, Any] = {"logger": record.name}
        attributes |= {name: _plain(value) for name, value in vars(record).items() if name not in _PLAIN}
        if record.exc_info and self.formatter is None:
            attributes["stack"] = logging.Formatter().formatException(record.exc_info)
        params: dict[str, Any] = {"level": _level(record.levelno), "message": message[:_MAX_MESSAGE]}
        call = current.get(None)
        if call is not None and call._call.id is not None:
            params["id"] = call._call.id
        frame = protocol.notification_frame(protocol.LOG, params | {"attributes": attributes})
        if len(frame) > protocol.MAX_FRAME_BYTES:
            frame = protocol.notification_frame(protocol.LOG, params)
        return frame


def install(worker: "Worker") -> None:
    """Has this worker take what handlers send; a root logger that nobody has given a handler or a format gets one."""
    global _serving
    _serving = worker
    root = logging.getLogger()
    if all(_is_default(handler) for handler in root.handlers):
        root.handlers[:] = [LogHandler()]


def leave() -> None:
    """Has handlers write to stderr."""
    global _serving
    _serving = None


def _is_default(handler: logging.Handler) -> bool:
    """Whether ``basicConfig`` has made it, for want of anything that it was told but perhaps a level."""
    plain = handler.formatter is not None and handler.formatter._fmt == logging.BASIC_FORMAT
    return plain and type(handler) is logging.StreamHandler and handler.stream is sys.stderr


def _level(number: int) -> str:
    if number >= logging.ERROR:
        return "error"
    if number >= logging.WARNING:
        return "warn"
    return "info" if number >= logging.INFO else "debug"


def _plain(value: Any) -> Any:
    try:
        json_text.encode(value)
    except TypeError:
        return str(value)
    return value
