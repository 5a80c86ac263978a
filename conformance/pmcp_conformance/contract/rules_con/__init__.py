"""CON: what many threads, handles and processes do at the same time.

A BackendError counts as not applied, an OutcomeUnknownError as unknown. Two calls that meet at each
line of the backend's code come first: a failure then names the line. Races of many threads with a
bounded number of operations follow.
"""
