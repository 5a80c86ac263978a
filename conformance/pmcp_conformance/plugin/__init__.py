"""The pytest plugin: the only package that knows of pytest, on top of all others.

Begin with `hooks`, the options, and `session`, which wires pytest's hooks to the modules beside
it. What a rule is, how it is run and what a result means is known elsewhere.
"""
