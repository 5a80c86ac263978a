"""The task store: every rule of the domain, over any backend."""
