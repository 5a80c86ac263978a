"""The corpus's ids, in sets: within a set, all of them must name different keys.

They are written with escapes where they would not show.
"""

from __future__ import annotations

from collections.abc import Iterable

from pmcp_conformance.generators.corpus.sample import KeyPair, Sample


def _pairs(delimiters: Iterable[str]) -> list[KeyPair]:
    return [
        KeyPair((f"{{}}a{d}b", "c"), ("{}a", f"b{d}c"), f"keys joined with {d!r} and split again")
        for d in delimiters
    ]


LABELS = [
    *("#TASK#", "#task#", "TASK#", "task:", "tasks/"),
    *(f"{d}{label}{d}" for d in ":/" for label in ("task", "tasks", "t")),
    *("|task|", ":record:", ".task.", "-task-", "::", "//", "__", "--", "||", "->", ", "),
]
"""What stands between owner and task in keys that are joined."""

JOINED = [
    *_pairs(":#/|%\\,; .-_~@!&=+$\t\n\x1f\x01\x7f"),
    *_pairs(LABELS),
    KeyPair(("{}a%3Ab", "c"), ("{}a:b", "c"), "percent-encoding that does not encode its own sign"),
    KeyPair(("{}a", "b%2Fc"), ("{}a", "b/c"), "percent-decoding of ids"),
    KeyPair(("{}a\\:b", "c"), ("{}a:b", "c"), "escaping that does not escape its own sign"),
    KeyPair(("{}a+b", "c"), ("{}a b", "c"), "form decoding, where + is a space"),
    KeyPair(("{}a", "b:"), ("{}a:", "b"), "a delimiter at the end of one id"),
    KeyPair(("{}a", ":b"), ("{}a:", "b"), "a delimiter at the beginning of one id"),
    KeyPair(("{}ab", "c"), ("{}a", "bc"), "keys joined without any delimiter"),
    KeyPair(("{}{a}", "b"), ("{}a", "b"), "braces taken for a cluster's hash tag"),
]

CASES = [
    Sample("task-a", "the plain form that the others fold into"),
    Sample("TASK-A", "a collation or file system that ignores case"),
    Sample("Task-A", "title case folded"),
    Sample("strasse", "what full case folding makes of ß"),
    Sample("straße", "full case folding"),
    Sample("STRASSE", "upper-casing, which turns ß into SS"),
    Sample("ı", "the dotless i under Turkish rules"),
    Sample("i", "its dotted sister"),
    Sample("İ", "which lower-cases into two code points"),
    Sample("I", "and their capital"),
    Sample("σ", "sigma"),
    Sample("ς", "final sigma, folded into sigma"),
    Sample("K", "a Latin K"),
    Sample("\u212a", "the Kelvin sign, which lower-cases into a Latin k"),
    Sample("aaa", "base64, YWFh, where case is ignored afterwards"),
    Sample("aaG", "which is YWFH"),
]

ACCENTS = [
    Sample("cafe", "a collation that ignores accents"),
    Sample("caf\u00e9", "NFC: one code point"),
    Sample("cafe\u0301", "NFD: a combining accent; a storage that normalizes joins the two"),
    Sample("\u00c5", "A with ring"),
    Sample("A\u030a", "A and a combining ring"),
    Sample("\u212b", "the Angstrom sign, which even NFC turns into A with ring"),
    Sample("\ufb01", "the ligature fi, which NFKC takes apart"),
    Sample("fi", "what NFKC makes of the ligature"),
    Sample("\uff11", "a full-width digit, which NFKC turns into a plain one"),
    Sample("1", "the plain digit"),
    Sample("\u1e9b\u0323", "a form that differs in all four normal forms"),
    Sample("\u1e61\u0323", "its neighbour"),
    Sample("\uac00", "a Hangul syllable"),
    Sample("\u1100\u1161", "its letters, which NFC joins"),
    Sample("\u00e6", "a letter that is written as ae, and that no normal form takes apart"),
    Sample("ae", "and the two letters"),
    Sample("\u00f8", "a letter that is no o with an accent, whatever transliterates it"),
    Sample("o", "and the o"),
    Sample("\u3042", "hiragana, which collations take for katakana"),
    Sample("\u30a2", "and katakana"),
]

SPACES = [
    Sample("a b", "the plain form"),
    Sample(" a b", "leading white space trimmed"),
    Sample("a b ", "trailing white space ignored in comparisons (PAD SPACE)"),
    Sample("a  b", "runs of white space joined"),
    Sample("a\tb", "a tab taken for a space"),
    Sample("a\u00a0b", "a no-break space taken for a space"),
    Sample("a b\n", "a newline stripped from the end of a line"),
    Sample("a b\r\n", "line ends rewritten"),
    Sample("\u3000a b", "an ideographic space trimmed"),
    Sample(" ", "an id of white space only, taken for empty"),
    Sample("  ", "and a longer one"),
    Sample("\u200b", "a zero-width space, which looks empty"),
    Sample("\ufeffa b", "a byte order mark dropped at the beginning"),
]

PATTERNS = [
    Sample("a_c", "LIKE: _ matches any character"),
    Sample("abc", "what it would match"),
    Sample("a%", "LIKE: % matches anything"),
    Sample("%", "a pattern for everything"),
    Sample("a*", "KEYS and glob: * matches anything"),
    Sample("*", "a glob for everything"),
    Sample("a?c", "glob: ? matches any character"),
    Sample("a[b]c", "glob and regular expression: a set"),
    Sample("[a-z]bc", "a range"),
    Sample("^abc$", "a regular expression's anchors"),
    Sample("a.c", "a regular expression's dot"),
    Sample(".*", "a regular expression for everything"),
    Sample("a\\_c", "an escaped pattern character"),
    Sample("(", "a regular expression that does not compile"),
    Sample("{abc}", "braces expanded by a shell or a cluster's hash tag"),
]

UNICODE = [
    Sample("\U0001f600", "astral: three-byte utf8 columns cut or refuse it"),
    Sample("\U0010ffff", "the last code point"),
    Sample("\uffff", "a noncharacter; in UTF-16 order it comes after the astral ones"),
    Sample("\ue000", "the private use area, which UTF-16 order puts after the astral ones"),
    Sample("\u05e9\u05dc\u05d5\u05dd", "right-to-left"),
    Sample("a\u202eb", "an override of the writing direction"),
    Sample("a\u200db", "a zero-width joiner, dropped by sanitizers"),
    Sample("a\u200bb", "a zero-width space within an id"),
    Sample("e\u0301\u0327", "two combining marks, reordered by normalization"),
    Sample("a\nb", "a newline: protocols and logs by line"),
    Sample("a\rb", "a carriage return"),
    Sample("a\r\nb", "a line end of protocols"),
    Sample("\x01", "the first control character"),
    Sample("\x1b[31m", "an escape sequence"),
    Sample("\x7f", "delete"),
    Sample("\x80", "a C1 control: two bytes in UTF-8, one in Latin-1"),
    Sample("\x85", "next line: str.splitlines breaks here"),
    Sample("a\u2028b", "a line separator, which broke JavaScript's JSON"),
    Sample("\u00ff", "the last character of Latin-1"),
    Sample("\u0100", "the first beyond Latin-1"),
    Sample("\U0001f468\u200d\U0001f469\u200d\U0001f467", "a family: one sign of five code points"),
    Sample("\\u0041", "an escape that must not be undone"),
    Sample("\\x41", "another one"),
    Sample("ab", "what is left of an id where characters that do not show are dropped"),
    Sample("a\u00adb", "a soft hyphen, which collations skip"),
    Sample("a\u200eb", "a mark of the writing direction"),
    Sample("\u2764", "a sign that is a text"),
    Sample("\u2764\ufe0f", "and the same as an emoji, by a variation selector"),
]

NUMBERS = [
    Sample("1", "an id with the affinity of an integer"),
    Sample("01", "leading zeros dropped"),
    Sample("1.0", "a float that equals an integer"),
    Sample("1e0", "an exponent"),
    Sample("+1", "a sign dropped"),
    Sample("-0", "negative zero"),
    Sample("0", "zero, which is false"),
    Sample("0x1", "hexadecimal"),
    Sample("1_000", "digit grouping"),
    Sample("9007199254740993", "beyond 2^53: a float rounds it"),
    Sample("9007199254740992", "what it is rounded to"),
    Sample("18446744073709551616", "beyond 64 bits"),
    Sample("true", "a boolean"),
    Sample("True", "a Python boolean"),
    Sample("false", "a boolean that is false"),
    Sample("null", "JSON's null"),
    Sample("None", "Python's"),
    Sample("NULL", "SQL's"),
    Sample("undefined", "JavaScript's"),
    Sample("NaN", "not a number, which is not equal to itself"),
    Sample("inf", "infinity"),
    Sample("2026-02-23", "a date"),
    Sample("12:30", "a number to base 60 in YAML"),
    Sample("no", "a boolean in YAML"),
]

PATHS = [
    Sample("..", "the parent folder"),
    Sample(".", "the folder itself"),
    Sample("../x", "a way out of the folder"),
    Sample("../../../../tmp/x", "a way far out"),
    Sample("/etc/passwd", "an absolute path"),
    Sample("a/b", "a folder that does not exist"),
    Sample("a/../b", "a path that is normalized"),
    Sample("b", "what it would be normalized to"),
    Sample("a//b", "a doubled slash, joined"),
    Sample("a/", "a trailing slash, dropped"),
    Sample("a", "and the plain name"),
    Sample("~", "the home folder"),
    Sample("C:\\x", "a drive"),
    Sample("..\\x", "the parent folder in another notation"),
    Sample("CON", "a device's name"),
    Sample("a.json", "a name with an ending of its own"),
    Sample(".hidden", "a name that listings leave out"),
    Sample("-rf", "a name that looks like an option"),
    Sample("file:///etc/passwd", "a URL"),
    Sample("etc/passwd", "what an absolute path becomes below a folder"),
    Sample("a_b", "what a/b becomes where slashes are replaced"),
    Sample("a%2Fb", "and where they are encoded"),
]

QUERIES = [
    Sample("' OR 1=1 --", "SQL put together as text"),
    Sample("'; DROP TABLE tasks; --", "several statements in one"),
    Sample('"', "a quoted identifier"),
    Sample("`", "another quote"),
    Sample("a'b", "an apostrophe"),
    Sample("ab", "what is left of it where quotes are dropped"),
    Sample("a''b", "what it becomes where quotes are doubled twice"),
    Sample("a\\", "an escape in front of the closing quote"),
    Sample("' OR '1'='1", "SQL that closes its quotes"),
    Sample('" OR ""="', "the same with the other quote"),
    Sample('{"$gt":""}', "an operator of a document store"),
    Sample("$where", "another one"),
    Sample("a\r\nDEL b", "a command behind a line end"),
    Sample("*1\r\n$4\r\nPING\r\n", "a whole command of a protocol"),
    Sample("#name", "a placeholder for a name"),
    Sample(":value", "a placeholder for a value"),
    Sample("?", "a placeholder of SQL"),
    Sample("%s", "a placeholder of text formatting"),
    Sample("{0}", "another one"),
    Sample("{task_id}", "and another"),
    Sample("${HOME}", "a variable of a shell"),
    Sample("$(id)", "a command of a shell"),
    Sample("<script>", "markup"),
    Sample("&amp;", "an entity that must not be undone"),
    Sample("OWNER#x", "the key of another entity"),
    Sample("TASK#x", "the key itself with its label"),
    Sample("*)(uid=*", "a query of a directory"),
]

RESERVED = [
    Sample("PK", "a key attribute of the storage"),
    Sample("SK", "another one"),
    Sample("version", "a column of the storage"),
    Sample("data", "another one"),
    Sample("owner_id", "another one"),
    Sample("expires_at", "another one"),
    Sample("__meta__", "a row for the storage itself"),
    Sample("_version", "another one"),
    Sample("_id", "the key of a document store"),
    Sample("schema", "another row for the storage itself"),
    Sample("idx", "an index that shares the name space"),
    Sample("index", "another one"),
    Sample("keys", "another one"),
    Sample("lock", "a lock that shares the name space"),
    Sample("tmp", "a temporary file"),
    Sample("__class__", "an attribute of every object"),
    Sample("constructor", "a property of every JavaScript object"),
    Sample("__proto__", "and its prototype"),
    Sample("rowid", "a column that SQLite has anyway"),
]

NAMES = [
    Sample("x", "an owner of one character"),
    Sample("*", "a pattern for every owner"),
    Sample("%", "another one"),
    Sample("' OR 1=1 --", "a query for every owner"),
    Sample("tasks", "a table, a bucket or a folder of the storage itself"),
    Sample("owners", "a list of all owners"),
    Sample("ids", "an index of an owner"),
    Sample("expiry", "another one"),
    Sample("expires", "another one"),
    Sample("lock.json", "a lock with a record's ending"),
    Sample(".lock", "a hidden lock"),
    Sample("tmp.new", "a file that is being written"),
    Sample("meta", "facts about the storage itself"),
    Sample("anonymous", "a user who is nobody"),
    Sample("default", "what stands for nothing given"),
]

LONG = [
    Sample("x" * 200, "the plain form"),
    Sample("y" + "x" * 199, "only the end of long ids kept"),
    Sample("x" * 100 + "y" + "x" * 99, "the middle of long ids left out"),
    Sample("x" * 201, "only the beginning of long ids kept"),
]

SIBLINGS = [
    Sample("task", "the id that the others begin with"),
    Sample("task1", "deletion and listing by prefix"),
    Sample("task10", "a prefix of a prefix"),
    Sample("task-", "a prefix and a delimiter"),
    Sample("task#1", "a delimiter within"),
    Sample("tas", "a prefix of the id itself"),
    Sample("atask", "an id that ends alike"),
    Sample("task\x01", "the smallest id after it"),
    Sample("task\U0010ffff", "the greatest id that begins with it"),
]

ORDER = [
    Sample("10", "numbers by value instead of text"),
    Sample("9", "which stands before 10 as a number"),
    Sample("a", "small letters"),
    Sample("B", "which a dictionary puts after a, and code points before"),
    Sample("_", "between capital and small letters"),
    Sample("Z", "the last capital"),
    Sample("z", "the last small letter"),
    Sample("\u00e9", "which a dictionary puts beside e"),
    Sample("e", "the plain letter"),
    Sample("\uffff", "which UTF-16 order puts after the astral ones"),
    Sample("\U0001f600", "astral"),
    Sample("-", "which some collations skip"),
    Sample("a-b", "which they put beside ab"),
    Sample("ab", "and the plain one"),
    Sample("a-c", "which they put behind it"),
]
