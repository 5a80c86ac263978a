"""Adversarial ids and values: each sample provokes a bug that a real storage has had.

The rules of the groups KEY, VAL, LIST and DEL draw from it, and so does the generator of random
sequences. `checksums`, `ids` and `values` hold the samples, in sets by what they provoke. Samples
are added, never changed.
"""

from pmcp_conformance.generators.corpus import checksums, ids, values
from pmcp_conformance.generators.corpus.sample import KeyPair, Sample

__all__ = ["KeyPair", "Sample", "checksums", "ids", "values"]
