"""Adversarial ids and values: each entry provokes a bug that a real storage has had.

The rules of the groups KEY and VAL draw from it, and so does the generator of random sequences.
Entries are added in new versions of the corpus, never changed. Ids are written with escapes
where they would not show.
"""

from __future__ import annotations

import base64
import gzip
import pickle
from dataclasses import dataclass
from typing import Any

CORPUS_VERSION = "1.0"


@dataclass(frozen=True)
class Odd:
    """An id or a value, and the bug that it provokes."""

    value: Any
    provokes: str


@dataclass(frozen=True)
class Pair:
    """Two keys, each (owner, task), that must stay two; `{}` in an owner stands for a UUID."""

    left: tuple[str, str]
    right: tuple[str, str]
    provokes: str


def _pairs(delimiters: str) -> list[Pair]:
    return [
        Pair((f"{{}}a{d}b", "c"), ("{}a", f"b{d}c"), f"keys joined with {d!r} and split again")
        for d in delimiters
    ]


JOINED = [
    *_pairs(":#/|%\\,; .-_~@!&=+$\t\n\x1f\x01\x7f"),
    Pair(("{}a::b", "c"), ("{}a", "b::c"), "keys joined with a doubled delimiter"),
    Pair(("{}a#TASK#b", "c"), ("{}a", "b#TASK#c"), "keys joined with a labelled delimiter"),
    Pair(("{}a%3Ab", "c"), ("{}a:b", "c"), "percent-encoding that does not encode its own sign"),
    Pair(("{}a", "b%2Fc"), ("{}a", "b/c"), "percent-decoding of ids"),
    Pair(("{}a\\:b", "c"), ("{}a:b", "c"), "escaping that does not escape its own sign"),
    Pair(("{}a+b", "c"), ("{}a b", "c"), "form decoding, where + is a space"),
    Pair(("{}a", "b:"), ("{}a:", "b"), "a delimiter at the end of one id"),
    Pair(("{}a", ":b"), ("{}a:", "b"), "a delimiter at the beginning of one id"),
    Pair(("{}ab", "c"), ("{}a", "bc"), "keys joined without any delimiter"),
    Pair(("{}{a}", "b"), ("{}a", "b"), "braces taken for a cluster's hash tag"),
]

CASES = [
    Odd("task-a", "the plain form that the others fold into"),
    Odd("TASK-A", "a collation or file system that ignores case"),
    Odd("Task-A", "title case folded"),
    Odd("strasse", "what full case folding makes of ß"),
    Odd("straße", "full case folding"),
    Odd("STRASSE", "upper-casing, which turns ß into SS"),
    Odd("ı", "the dotless i under Turkish rules"),
    Odd("i", "its dotted sister"),
    Odd("İ", "which lower-cases into two code points"),
    Odd("I", "and their capital"),
    Odd("σ", "sigma"),
    Odd("ς", "final sigma, folded into sigma"),
    Odd("K", "a Latin K"),
    Odd("\u212a", "the Kelvin sign, which lower-cases into a Latin k"),
]

ACCENTS = [
    Odd("cafe", "a collation that ignores accents"),
    Odd("caf\u00e9", "NFC: one code point"),
    Odd("cafe\u0301", "NFD: a combining accent; a storage that normalizes joins the two"),
    Odd("\u00c5", "A with ring"),
    Odd("A\u030a", "A and a combining ring"),
    Odd("\u212b", "the Angstrom sign, which even NFC turns into A with ring"),
    Odd("\ufb01", "the ligature fi, which NFKC takes apart"),
    Odd("fi", "what NFKC makes of the ligature"),
    Odd("\uff11", "a full-width digit, which NFKC turns into a plain one"),
    Odd("1", "the plain digit"),
    Odd("\u1e9b\u0323", "a form that differs in all four normal forms"),
    Odd("\u1e61\u0323", "its neighbour"),
    Odd("\uac00", "a Hangul syllable"),
    Odd("\u1100\u1161", "its letters, which NFC joins"),
]

SPACES = [
    Odd("a b", "the plain form"),
    Odd(" a b", "leading white space trimmed"),
    Odd("a b ", "trailing white space ignored in comparisons (PAD SPACE)"),
    Odd("a  b", "runs of white space joined"),
    Odd("a\tb", "a tab taken for a space"),
    Odd("a\u00a0b", "a no-break space taken for a space"),
    Odd("a b\n", "a newline stripped from the end of a line"),
    Odd("a b\r\n", "line ends rewritten"),
    Odd("\u3000a b", "an ideographic space trimmed"),
    Odd(" ", "an id of white space only, taken for empty"),
    Odd("  ", "and a longer one"),
    Odd("\u200b", "a zero-width space, which looks empty"),
    Odd("\ufeffa b", "a byte order mark dropped at the beginning"),
]

PATTERNS = [
    Odd("a_c", "LIKE: _ matches any character"),
    Odd("abc", "what it would match"),
    Odd("a%", "LIKE: % matches anything"),
    Odd("%", "a pattern for everything"),
    Odd("a*", "KEYS and glob: * matches anything"),
    Odd("*", "a glob for everything"),
    Odd("a?c", "glob: ? matches any character"),
    Odd("a[b]c", "glob and regular expression: a set"),
    Odd("[a-z]bc", "a range"),
    Odd("^abc$", "a regular expression's anchors"),
    Odd("a.c", "a regular expression's dot"),
    Odd(".*", "a regular expression for everything"),
    Odd("a\\_c", "an escaped pattern character"),
    Odd("(", "a regular expression that does not compile"),
    Odd("{abc}", "braces expanded by a shell or a cluster's hash tag"),
]

UNICODE = [
    Odd("\U0001f600", "astral: three-byte utf8 columns cut or refuse it"),
    Odd("\U0010ffff", "the last code point"),
    Odd("\uffff", "a noncharacter; in UTF-16 order it comes after the astral ones"),
    Odd("\ue000", "the private use area, which UTF-16 order puts after the astral ones"),
    Odd("\u05e9\u05dc\u05d5\u05dd", "right-to-left"),
    Odd("a\u202eb", "an override of the writing direction"),
    Odd("a\u200db", "a zero-width joiner, dropped by sanitizers"),
    Odd("a\u200bb", "a zero-width space within an id"),
    Odd("e\u0301\u0327", "two combining marks, reordered by normalization"),
    Odd("a\nb", "a newline: protocols and logs by line"),
    Odd("a\rb", "a carriage return"),
    Odd("a\r\nb", "a line end of protocols"),
    Odd("\x01", "the first control character"),
    Odd("\x1b[31m", "an escape sequence"),
    Odd("\x7f", "delete"),
    Odd("\x80", "a C1 control: two bytes in UTF-8, one in Latin-1"),
    Odd("\x85", "next line: str.splitlines breaks here"),
    Odd("a\u2028b", "a line separator, which broke JavaScript's JSON"),
    Odd("\u00ff", "the last character of Latin-1"),
    Odd("\u0100", "the first beyond Latin-1"),
    Odd("\U0001f468\u200d\U0001f469\u200d\U0001f467", "a family: one sign of five code points"),
    Odd("\\u0041", "an escape that must not be undone"),
    Odd("\\x41", "another one"),
]

NUMBERS = [
    Odd("1", "an id with the affinity of an integer"),
    Odd("01", "leading zeros dropped"),
    Odd("1.0", "a float that equals an integer"),
    Odd("1e0", "an exponent"),
    Odd("+1", "a sign dropped"),
    Odd("-0", "negative zero"),
    Odd("0", "zero, which is false"),
    Odd("0x1", "hexadecimal"),
    Odd("1_000", "digit grouping"),
    Odd("9007199254740993", "beyond 2^53: a float rounds it"),
    Odd("9007199254740992", "what it is rounded to"),
    Odd("18446744073709551616", "beyond 64 bits"),
    Odd("true", "a boolean"),
    Odd("True", "a Python boolean"),
    Odd("false", "a boolean that is false"),
    Odd("null", "JSON's null"),
    Odd("None", "Python's"),
    Odd("NULL", "SQL's"),
    Odd("undefined", "JavaScript's"),
    Odd("NaN", "not a number, which is not equal to itself"),
    Odd("inf", "infinity"),
    Odd("2026-02-23", "a date"),
    Odd("12:30", "a number to base 60 in YAML"),
    Odd("no", "a boolean in YAML"),
]

PATHS = [
    Odd("..", "the parent folder"),
    Odd(".", "the folder itself"),
    Odd("../x", "a way out of the folder"),
    Odd("../../../../tmp/x", "a way far out"),
    Odd("/etc/passwd", "an absolute path"),
    Odd("a/b", "a folder that does not exist"),
    Odd("a/../b", "a path that is normalized"),
    Odd("b", "what it would be normalized to"),
    Odd("a//b", "a doubled slash, joined"),
    Odd("a/", "a trailing slash, dropped"),
    Odd("a", "and the plain name"),
    Odd("~", "the home folder"),
    Odd("C:\\x", "a drive"),
    Odd("..\\x", "the parent folder in another notation"),
    Odd("CON", "a device's name"),
    Odd("a.json", "a name with an ending of its own"),
    Odd(".hidden", "a name that listings leave out"),
    Odd("-rf", "a name that looks like an option"),
    Odd("file:///etc/passwd", "a URL"),
]

QUERIES = [
    Odd("' OR 1=1 --", "SQL put together as text"),
    Odd("'; DROP TABLE tasks; --", "several statements in one"),
    Odd('"', "a quoted identifier"),
    Odd("`", "another quote"),
    Odd("a'b", "an apostrophe"),
    Odd('{"$gt":""}', "an operator of a document store"),
    Odd("$where", "another one"),
    Odd("a\r\nDEL b", "a command behind a line end"),
    Odd("*1\r\n$4\r\nPING\r\n", "a whole command of a protocol"),
    Odd("#name", "a placeholder for a name"),
    Odd(":value", "a placeholder for a value"),
    Odd("?", "a placeholder of SQL"),
    Odd("%s", "a placeholder of text formatting"),
    Odd("{0}", "another one"),
    Odd("{task_id}", "and another"),
    Odd("${HOME}", "a variable of a shell"),
    Odd("$(id)", "a command of a shell"),
    Odd("<script>", "markup"),
    Odd("&amp;", "an entity that must not be undone"),
    Odd("OWNER#x", "the key of another entity"),
    Odd("TASK#x", "the key itself with its label"),
    Odd("*)(uid=*", "a query of a directory"),
]

RESERVED = [
    Odd("PK", "a key attribute of the storage"),
    Odd("SK", "another one"),
    Odd("version", "a column of the storage"),
    Odd("data", "another one"),
    Odd("owner_id", "another one"),
    Odd("expires_at", "another one"),
    Odd("__meta__", "a row for the storage itself"),
    Odd("_version", "another one"),
    Odd("_id", "the key of a document store"),
    Odd("schema", "another row for the storage itself"),
    Odd("idx", "an index that shares the name space"),
    Odd("index", "another one"),
    Odd("keys", "another one"),
    Odd("lock", "a lock that shares the name space"),
    Odd("tmp", "a temporary file"),
    Odd("__class__", "an attribute of every object"),
    Odd("constructor", "a property of every JavaScript object"),
    Odd("__proto__", "and its prototype"),
    Odd("rowid", "a column that SQLite has anyway"),
]

SIBLINGS = [
    Odd("task", "the id that the others begin with"),
    Odd("task1", "deletion and listing by prefix"),
    Odd("task10", "a prefix of a prefix"),
    Odd("task-", "a prefix and a delimiter"),
    Odd("task#1", "a delimiter within"),
    Odd("tas", "a prefix of the id itself"),
    Odd("atask", "an id that ends alike"),
    Odd("task\x01", "the smallest id after it"),
    Odd("task\U0010ffff", "the greatest id that begins with it"),
]

ORDER = [
    Odd("10", "numbers by value instead of text"),
    Odd("9", "which stands before 10 as a number"),
    Odd("a", "small letters"),
    Odd("B", "which a dictionary puts after a, and code points before"),
    Odd("_", "between capital and small letters"),
    Odd("Z", "the last capital"),
    Odd("z", "the last small letter"),
    Odd("\u00e9", "which a dictionary puts beside e"),
    Odd("e", "the plain letter"),
    Odd("\uffff", "which UTF-16 order puts after the astral ones"),
    Odd("\U0001f600", "astral"),
    Odd("-", "which some collations skip"),
    Odd("a-b", "which they put beside ab"),
    Odd("ab", "and the plain one"),
    Odd("a-c", "which they put behind it"),
]

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
    Odd("", "the empty string taken for null"),
    Odd(" ", "trimmed away"),
    Odd("\u0000", "U+0000 ends a C string and is refused by some databases' text"),
    Odd("a\u0000b", "cut at U+0000"),
    Odd("\u2028\u2029", "line separators"),
    Odd("\r\n", "line ends rewritten"),
    Odd('\\"\\\\/\b\f\t', "escapes undone or doubled"),
    Odd("\\u0000", "an escape that must stay text"),
    Odd("\U0001f600\U0010ffff", "astral"),
    Odd("e\u0301", "NFD normalized"),
    Odd("\ufeff", "a byte order mark dropped"),
    Odd("\ufffe\uffff", "noncharacters replaced"),
    Odd("\x7f\x80\x9f", "control characters dropped"),
    Odd("x" * 100_000, "longer than a column or a page"),
    Odd("\U0001f600" * 5_000, "longer in bytes than in characters"),
    Odd("null", "text taken for null"),
    Odd("123", "text taken for a number"),
    Odd("2026-02-23T10:30:00.123456789Z", "text taken for an instant"),
]

OBJECT_KEYS = [
    Odd("", "the empty key"),
    Odd("a.b", "a path into a document"),
    Odd("$ref", "a reference"),
    Odd("$set", "an operator"),
    Odd("__proto__", "the prototype"),
    Odd("_id", "a document's key"),
    Odd("Key", "keys that differ by case"),
    Odd("key", "the other one"),
    Odd("KEY", "and another"),
    Odd(" key", "white space trimmed"),
    Odd("caf\u00e9", "NFC"),
    Odd("cafe\u0301", "NFD"),
    Odd("0", "an index"),
    Odd("a[0]", "an index into a list"),
    Odd("a/b~c", "a JSON pointer"),
    Odd("\u0000", "U+0000 in a key"),
    Odd("\n", "a newline in a key"),
    Odd("__type__", "a tag of an encoding"),
    Odd("taskId", "a field of the record"),
    Odd("version", "a column of the storage"),
    Odd("k" * 2_000, "a long key"),
]

ENCODINGS = [
    Odd({"S": "x"}, "an attribute value of DynamoDB"),
    Odd({"N": "1"}, "a number of DynamoDB"),
    Odd({"NULL": True}, "a null of DynamoDB"),
    Odd({"M": {"a": {"L": []}}}, "a map of DynamoDB"),
    Odd({"$date": "2026-02-23T10:30:00Z"}, "extended JSON"),
    Odd({"$oid": "0" * 24}, "another one"),
    Odd({"__type__": "datetime", "value": 0}, "a tagged object"),
    Odd({"py/object": "os.system"}, "an object of a Python encoder"),
    Odd({"$ref": "#/a"}, "a reference that is followed"),
    Odd("eyJhIjogMX0=", "base64 that is decoded"),
    Odd(base64.b64encode(gzip.compress(b"x", mtime=0)).decode(), "compressed data"),
    Odd(pickle.dumps([1], protocol=0).decode("ascii"), "a pickle"),
    Odd('{"a": 1}', "JSON within JSON"),
    Odd("!!python/object:os.system", "a tag of YAML"),
    Odd("<x>1</x>", "XML"),
    Odd("data:text/plain;base64,eA==", "a data URL"),
]


def nested(levels: int, *, by: type) -> Any:
    """A value of that many containers, one in the other: lists, or objects."""
    value: Any = "inside"
    for _ in range(levels):
        value = [value] if by is list else {"level": value}
    return value
