"""EXP: a record is there until its very expiry, and what has expired can be removed.

Instants are compared by the storage's clock or by this process's, which agree to within the
target's clock_skew. No rule waits for seconds: instants just before and just after now will do.
"""
