"""The corpus's values: what a storage must give back equal and of the same kind."""

from __future__ import annotations

import base64
import gzip
import pickle
from collections.abc import Sequence
from typing import Any

from pmcp_conformance.generators.corpus.sample import Sample

BIG_INTEGERS = [
    sign * value + step
    for value in (2**31, 2**32, 2**53, 2**63, 2**64, 10**18)
    for sign in (1, -1)
    for step in (-1, 0, 1)
] + [0, 1, -1, 10**38, 10**39 + 1, 10**300 + 7]
"""Where storages stop: 32 and 64 bits, a float's 53, DynamoDB's 38 digits; and far beyond."""

FLOATS = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.1,
    1 / 3,
    0.1 + 0.2,
    5e-324,
    2.2250738585072014e-308,
    1.7976931348623157e308,
    -1.7976931348623157e308,
    1e16,
    1e22,
    1e23,
    9007199254740993.0,
    123456789.12345679,
    1e-7,
]
"""Where text and binary disagree: subnormal, greatest, whole and shortest-repr ones, minus zero."""

STRINGS = [
    Sample("", "the empty string taken for null"),
    Sample(" ", "trimmed away"),
    Sample("\u0000", "U+0000 ends a C string and is refused by some databases' text"),
    Sample("a\u0000b", "cut at U+0000"),
    Sample("\u2028\u2029", "line separators"),
    Sample("\r\n", "line ends rewritten"),
    Sample('\\"\\\\/\b\f\t', "escapes undone or doubled"),
    Sample("\\u0000", "an escape that must stay text"),
    Sample("\U0001f600\U0010ffff", "astral"),
    Sample("e\u0301", "NFD normalized"),
    Sample("\ufeff", "a byte order mark dropped"),
    Sample("\ufffe\uffff", "noncharacters replaced"),
    Sample("\x7f\x80\x9f", "control characters dropped"),
    Sample("x" * 100_000, "longer than a column or a page"),
    Sample("\U0001f600" * 5_000, "longer in bytes than in characters"),
    Sample("null", "text taken for null"),
    Sample("123", "text taken for a number"),
    Sample("2026-02-23T10:30:00.123456789Z", "text taken for an instant"),
    Sample("\u00e9\u212b\uac00", "NFC decomposed or composed anew"),
    Sample("it's a''b ' `x`", "quotes that end a text within a statement, or that are doubled"),
    Sample("a\\", "an escape in front of the closing quote"),
    Sample("-- /* ; :name ? $1 @x", "comments and parameters of statements"),
    Sample("&amp;&lt;&#39; <b>", "entities undone, or markup escaped"),
    Sample("%41%2F+%zz", "percent-decoding"),
    Sample("%s %(x)s 100%% {0} {x} {{}}", "placeholders of text formatting"),
    Sample("${HOME} $HOME ~ \\1 \\g<0>", "variables and references replaced"),
    Sample("true", "text taken for a boolean"),
    Sample("yes", "the same by YAML"),
    Sample("1.50", "text taken for a fraction, which loses its zero"),
    Sample("1e3", "text taken for a power of ten"),
    Sample("00123", "leading zeros dropped"),
    Sample("\x01\x0b\x1f", "control characters that XML has none of"),
    Sample("\x1b[31mred", "an escape sequence of terminals"),
]

OBJECT_KEYS = [
    Sample("", "the empty key"),
    Sample("a.b", "a path into a document"),
    Sample("$ref", "a reference"),
    Sample("$set", "an operator"),
    Sample("__proto__", "the prototype"),
    Sample("_id", "a document's key"),
    Sample("Key", "keys that differ by case"),
    Sample("key", "the other one"),
    Sample("KEY", "and another"),
    Sample(" key", "white space trimmed"),
    Sample("caf\u00e9", "NFC"),
    Sample("cafe\u0301", "NFD"),
    Sample("0", "an index"),
    Sample("a[0]", "an index into a list"),
    Sample("a/b~c", "a JSON pointer"),
    Sample("\u0000", "U+0000 in a key"),
    Sample("\n", "a newline in a key"),
    Sample("__type__", "a tag of an encoding"),
    Sample("taskId", "a field of the record"),
    Sample("version", "a column of the storage"),
    Sample("k" * 2_000, "a long key"),
    Sample("snake_case", "names turned into camelCase"),
    Sample("kebab-case", "hyphens turned into underscores"),
    Sample("camelCase", "names turned into snake_case"),
    Sample("status", "a field of the task"),
    Sample("result", "a field of the record"),
    Sample("owner_id", "a column of the storage"),
    Sample("expires_at", "another one"),
    Sample("data", "another one"),
    Sample("length", "a property of every list in JavaScript"),
]

INDEXES = [
    Sample({"0": "a"}, "an array of one element, as in PHP and Lua"),
    Sample({"0": "a", "1": "b"}, "an array counted from 0"),
    Sample({"1": "a", "2": "b"}, "an array counted from 1"),
]
"""Objects that storages take for arrays which they have stored as objects."""

ENCODINGS = [
    Sample({"S": "x"}, "an attribute value of DynamoDB"),
    Sample({"N": "1"}, "a number of DynamoDB"),
    Sample({"NULL": True}, "a null of DynamoDB"),
    Sample({"M": {"a": {"L": []}}}, "a map of DynamoDB"),
    Sample({"$date": "2026-02-23T10:30:00Z"}, "extended JSON"),
    Sample({"$oid": "0" * 24}, "another one"),
    Sample({"__type__": "datetime", "value": 0}, "a tagged object"),
    Sample({"py/object": "os.system"}, "an object of a Python encoder"),
    Sample({"$ref": "#/a"}, "a reference that is followed"),
    Sample("eyJhIjogMX0=", "base64 that is decoded"),
    Sample(base64.b64encode(gzip.compress(b"x", mtime=0)).decode(), "compressed data"),
    Sample(pickle.dumps([1], protocol=0).decode("ascii"), "a pickle"),
    Sample('{"a": 1}', "JSON within JSON"),
    Sample("!!python/object:os.system", "a tag of YAML"),
    Sample("<x>1</x>", "XML"),
    Sample("data:text/plain;base64,eA==", "a data URL"),
]


def nested(levels: int, *, by: Sequence[type]) -> Any:
    """A value of that many containers, one in the other: lists and objects, by turns as given."""
    value: Any = "inside"
    for level in range(levels):
        value = [value] if by[level % len(by)] is list else {"level": value}
    return value


_EXACT = {"64 bits": (-(2**63), 2**63 - 1), "2^53": (-(2**53), 2**53)}
"""The integers that come back exact, by the fact `integers`; without bounds where that is `any`."""

_WRITTEN_AS_POWERS = 1e21
"""The least double that JavaScript does not write as if it were an integer."""


def is_exact(value: int | float, integers: str) -> bool:
    """Whether a number comes back equal and of the same kind where the fact `integers` is that."""
    if isinstance(value, bool) or integers not in _EXACT:
        return True
    if isinstance(value, float):
        looks_like_one = value.is_integer() and abs(value) < _WRITTEN_AS_POWERS
        return integers != "2^53" or not looks_like_one
    least, most = _EXACT[integers]
    return least <= value <= most
