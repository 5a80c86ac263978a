"""What contradicts itself in a target's name, facts and back doors."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pmcp_conformance.target import BackendTarget

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

_FLAGS = ("shared", "interprocess", "durable", "native_expiry", "keeps_unknown_fields")

_INTEGERS = ("any", "64 bits", "2^53")

_LEAST = {
    "max_record_bytes": (int, 1024),
    "clock_skew": (float, 0),
    "answer_within": (float, 1),
    "max_nesting": (int, 16),
}
"""The facts that are numbers: their type, and the least that makes sense."""


def problems(target: BackendTarget) -> Iterator[str]:
    """Each thing that is wrong, as the end of a sentence that begins with the target's class."""
    name = getattr(target, "name", None)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        yield f".name must be text of letters, digits, '.', '_' and '-', not {name!r}"
    for problem in (*_wrong_facts(target), *_contradictions(target)):
        yield f" ({name}): {problem}"


def _wrong_facts(target: BackendTarget) -> Iterator[str]:
    for fact in _FLAGS:
        value = getattr(target, fact)
        if not isinstance(value, bool):
            yield f"{fact} must be True or False, not {value!r}"
    for fact, (kind, least) in _LEAST.items():
        value = getattr(target, fact)
        if not _is_number(value, kind) or not value >= least:
            yield f"{fact} must be a number of at least {least}, not {value!r}"
    if target.integers not in _INTEGERS:
        yield f"integers must be one of {', '.join(_INTEGERS)}, not {target.integers!r}"
    limit = target.storage_limit_bytes
    if limit is not None and (not isinstance(limit, int) or limit < target.max_record_bytes):
        yield f"storage_limit_bytes must be None or at least max_record_bytes, not {limit!r}"


def _is_number(value: object, kind: type) -> bool:
    return isinstance(value, kind | int) and not isinstance(value, bool)


def _contradictions(target: BackendTarget) -> Iterator[str]:
    """Facts and back doors that do not go together."""
    if target.native_expiry and not target.offers("stored_expiry"):
        yield "native_expiry = True needs the back door stored_expiry, or nothing could prove it"
    if target.interprocess and not target.shared:
        yield "interprocess = True needs shared = True: it says that even processes share"
    if target.offers("address") != target.offers("open_at"):
        yield "address and open_at belong together: write both or neither"
