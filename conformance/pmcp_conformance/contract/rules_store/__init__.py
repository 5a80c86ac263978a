"""STORE: the task store keeps its rules over this backend: creating, expiring and deleting tasks.

The rules of a store are the same over every backend; that they hold over this one shows that it
carries a store. The modules `store_…` go on with changes, owners, limits, listings and races.
"""
