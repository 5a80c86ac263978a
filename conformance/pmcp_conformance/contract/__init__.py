"""The rules of the contract, a module for each group: one rule is one function."""
