"""KEY-14: checksums."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_key.support import expect_distinct_keys
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.generators import corpus


@rule("KEY-14", since="1.1")
def checksums(trial: Trial) -> None:
    """Keys are two also where a checksum takes them for one (CRC-32, Adler-32, FNV-1a, djb2, the
    hash of Java's strings, 32 bits of MD5, SHA-1 or SHA-256): what finds a row by a short hash has
    to compare the key.

    Why: A hash of a few bits looks like a compact key until two ids share one: then one task
    silently overwrites another, and whoever asks for the first gets the second.

    Mend: Key by the ids themselves; where a key must be short, use a cryptographic hash of at least
    128 bits over both ids with a separator that cannot occur in them, and compare the stored ids on
    every read.
    """
    expect_distinct_keys(trial, corpus.checksums.CHECKSUMS)
