"""What a run found, as data and as text, with no knowledge of pytest or of how a rule is run.

Begin with `results`: a result says what became of one rule on one target. `verdicts` adds results
up, `known_failures` says which of them were expected, and `text` puts them into words.
"""
