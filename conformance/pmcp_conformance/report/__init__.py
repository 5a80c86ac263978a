"""What a run found, as data and as text, with no knowledge of pytest or of how a rule is run.

Begin with `results`: a result says what became of one rule on one target. `text` puts one into
words, `verdicts` adds results up, and `known_failures` says which of them were expected.

`building` makes one document of it all, of the form that `model` has, and `merging` joins several;
`diagnosis` finds what failures have in common, by comparing them with `known_bugs`. Reports are
pure functions of the document: `summary`, for a terminal, `markdown`, `badge` and `page`; `formats`
writes and reads them.
"""
