"""EXP: a record is there until its expiry and not a moment less, and what expired can be removed.

Instants are compared by the storage's clock or this process's, within the target's clock_skew.
Nothing here waits for an expiry of seconds: instants just before and just after now do.
"""
