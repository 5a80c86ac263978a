"""The rules of the contract: one rule is one function, and its docstring begins with the rule.

A group of rules is a module, `rules_put`, or where it is large a package with a module for each
rule, `rules_con.con_8`. Begin with `rules_get`. What the rules of a package share is in its module
`support`, what several groups share in `contract.support`; no rule imports another. The modules
know what a backend must do, and leave to `engine` how it is called, watched and reported.
"""
