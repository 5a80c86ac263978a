"""What a call leaves behind for others to see, and how a script looks at it as a rule does.

Calls answer; errors, logs and handles also show themselves. A rule that finds fault with these
notes an examination in its log of calls, and a script makes the same one after the same calls.
"""

from __future__ import annotations

import copy
import logging
import pickle
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.stepping import authors_object
from pmcp_storage import BackendError, StorageBackend, StorageError

SECRET = "hidden-5f1d7c"
"""A value that must show nowhere but in the record."""

_ESCAPED = (
    SECRET,
    SECRET.encode().hex(),
    "".join(f"\\x{ord(letter):02x}" for letter in SECRET),
    "".join(f"\\u{ord(letter):04x}" for letter in SECRET),
    "".join(f"\\{ord(letter):03o}" for letter in SECRET),
    # As a part of something in base64, by where in its groups of three bytes it begins.
    *(b64encode(b"_" * n + SECRET.encode())[4 * (n > 0) : -4].decode() for n in range(3)),
)
"""How text that is quoted can show it, which a driver may know as bytes only."""

_TELLING_WORDS = 4
"""So many at least in a message that names what is missing."""


@dataclass(frozen=True)
class Traces:
    """What there is to see after a call; nothing after none."""

    handle: StorageBackend | None = None
    error: Exception | None = None
    returned: Any = None
    log: Sequence[str] = ()


def shows_secret(text: str) -> bool:
    """Whether the text contains the secret, as it is or escaped."""
    folded = text.lower()
    return any(form in text or form.lower() in folded for form in _ESCAPED)


def texts_of(error: Exception | None) -> list[str]:
    """All texts by which an error shows itself."""
    notes = "\n".join(getattr(error, "__notes__", ()))
    return [] if error is None else [str(error), repr(error), repr(error.args), notes]


def duplicates(error: Exception) -> Iterator[tuple[str, Callable[[], Exception]]]:
    """Each way to duplicate an error, with its name."""
    yield "pickle", lambda: cast("Exception", pickle.loads(pickle.dumps(error)))
    yield "copy", lambda: copy.copy(error)
    yield "deepcopy", lambda: copy.deepcopy(error)


def is_equal(error: Exception, duplicate: Exception) -> bool:
    """Whether both are of one kind, with equal attributes and the same text."""
    return (type(duplicate), vars(duplicate), str(duplicate)) == (
        type(error),
        vars(error),
        str(error),
    )


def has_lost_its_cause(error: Exception) -> bool:
    """Whether a BackendError was raised while handling another error, and does not name it."""
    return bool(isinstance(error, BackendError) and error.__context__ and not error.__cause__)


def tells_nothing(error: Exception) -> bool:
    """Whether a BackendError has a bare code for a message."""
    return isinstance(error, BackendError) and len(str(error).split()) < _TELLING_WORDS


def _secret(traces: Traces) -> str:
    shown = None if traces.handle is None else authors_object(traces.handle)
    places = {
        "error": texts_of(traces.error),
        "value returned": [str(traces.returned), repr(traces.returned)],
        "handle": [str(shown), repr(shown)],
        "log": traces.log,
    }
    found = [name for name, texts in places.items() if any(map(shows_secret, texts))]
    return f"the secret in the {found[0]}" if found else ""


def _duplicates(traces: Traces) -> str:
    error = traces.error
    if not isinstance(error, StorageError):
        return ""
    for how, duplicate in duplicates(error):
        try:
            if not is_equal(error, duplicate()):
                return f"another error from {how}"
        except Exception as failure:
            return f"a {type(failure).__name__} from {how}"
    return ""


def _cause(traces: Traces) -> str:
    return "no cause" if traces.error and has_lost_its_cause(traces.error) else ""


def _message(traces: Traces) -> str:
    return "a message that tells nothing" if traces.error and tells_nothing(traces.error) else ""


EXAMINATIONS: dict[str, Callable[[Traces], str]] = {
    "secret": _secret,
    "duplicates": _duplicates,
    "cause": _cause,
    "message": _message,
}
"""By name; each returns what it finds fault with, or nothing."""


def outcome_of_examination(name: str, traces: Traces) -> str:
    """What the examination of that name finds, as the outcome of a call."""
    return f"found {EXAMINATIONS[name](traces) or 'nothing'}"


@contextmanager
def examined(
    trial: Trial, name: str, error: Exception | None = None, **seen: Any
) -> Iterator[None]:
    """A violation in here is what the examination of that name finds after the last call.

    `error` is what that call raised; `seen` are the other `Traces`.
    """
    try:
        yield
    except Violation:
        traces = Traces(trial.backend.unrecorded, error, **seen)
        trial.recording.log.note(f"examine({name!r})", outcome_of_examination(name, traces))
        raise


@contextmanager
def logged(handle: StorageBackend) -> Iterator[list[str]]:
    """What the loggers of the backend's own package, not of its libraries, say meanwhile."""
    lines: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))  # with the traceback, where one is logged

    loggers = list(_loggers_of(handle))
    handler = Handler()
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)


def _loggers_of(handle: StorageBackend) -> Iterator[logging.Logger]:
    package = type(authors_object(handle)).__module__.split(".")[0]
    names = {package, "pmcp_storage"}
    names |= {name for name in logging.root.manager.loggerDict if name.startswith(f"{package}.")}
    yield from map(logging.getLogger, sorted(names))
