"""Running one rule against one target, whatever the backend does meanwhile.

Begin with `runner`: it makes a `Trial`, lets the rule's function work with it under the watchdog,
and turns what was raised into a result. `target_run` is what the rules of a target share. How rules
provoke races, crashes and broken networks is left to the packages on top of this one.
"""
