"""Async backends, and the adapters between them and sync ones."""
