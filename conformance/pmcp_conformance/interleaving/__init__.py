"""Races found by choosing what is interleaved, instead of waiting for it to happen.

Begin with `exploration`: it lets one call enter another at one yield point after the other
(`two_calls`, `yield_points`). For races of more than two threads there are `simultaneous`, which
lets calls begin at the same instant, `preemption`, which makes threads yield at random within the
backend's own code (`backend_code`), and `load`, which keeps the machine busy for a server that
runs elsewhere.

Which calls meet, and what must come of them, is up to the rules. Child processes are the business
of `processes`, which pauses and kills them at the same yield points.
"""
