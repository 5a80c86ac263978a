"""Other processes with a handle on the target's storage, for rules that contend with or kill them.

Begin with `fork_server.start_child`, which gives a rule a `Child` to call, to pause and to kill.
`child_backend` makes a child look like any other handle. The child itself runs `child_main`; the
two speak in the `messages`. `crashes` kills children over a plan of writes and checks what must be
stored afterwards.

When and where children are killed is up to the rules, and yield points are those of `interleaving`.
A child is not one of pytest-xdist's workers: each worker has a fork server and children of its own.
"""
