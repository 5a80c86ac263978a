"""CAS: compare-and-swap, the operation that keeps updates from being lost."""
