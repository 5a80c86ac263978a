"""STORE: the task store keeps its own rules over this backend.

They are the same over every backend; that they hold over this one shows that it can carry a store.
The rules begin with creating, expiring and deleting tasks (1 to 6) and go on with changes (7 to
15), owners (16 to 18), errors (19, 20), limits (21 to 24), listings (25 to 28), races and event
loops (29 to 31). Then come what a change leaves alone (32), arguments (33), what is remembered
(34), lost answers (35) and cleaning up (36), and last what a runtime of tasks needs: change (37 to
41), progress (42), the quota of unfinished tasks (43), ids that are credentials (44), owners in
errors (45) and the public parts of a store (46). `bench` has stores whose requests are counted,
`support` what the rules share besides.
"""
