"""CON: what many threads, handles and processes do at the same time.

A BackendError counts as not applied, an OutcomeUnknownError as unknown. Crossings and overlaps of
two calls come first: a failure then names the line of the backend's code. Races of many threads
with a bounded number of operations follow.
"""
