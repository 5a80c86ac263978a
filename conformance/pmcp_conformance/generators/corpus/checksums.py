"""Ids that a short checksum or a part of a digest takes for one, for KEY-14."""

from __future__ import annotations

from pmcp_conformance.generators.corpus.sample import Sample

CHECKSUMS = [
    Sample("plumless", "a CRC-32 in place of the key"),
    Sample("buckeroo", "which is that of plumless"),
    Sample("Aa", "the hash of Java's strings in place of the key"),
    Sample("BB", "which is that of Aa"),
    Sample("aca", "an Adler-32 in place of the key"),
    Sample("bab", "which is that of aca"),
    Sample("costarring", "an FNV-1a of 32 bits in place of the key"),
    Sample("liquid", "which is that of costarring"),
    Sample("hetairas", "the hash djb2 in place of the key"),
    Sample("mentioner", "which is that of hetairas"),
    Sample("ab", "a sum of the characters in place of the key"),
    Sample("ba", "which is that of ab"),
    Sample("bA", "and ab's hash times 33"),
    # Found by hashing task-0, task-1 and so on until the first 32 bits came a second time.
    Sample("task-26284", "the first 32 bits of an MD5 in place of the key"),
    Sample("task-49968", "which are those of task-26284"),
    Sample("task-31868", "the first 32 bits of a SHA-1 in place of the key"),
    Sample("task-36231", "which are those of task-31868"),
    Sample("task-93411", "the first 32 bits of a SHA-256 in place of the key"),
    Sample("task-137700", "which are those of task-93411"),
]
