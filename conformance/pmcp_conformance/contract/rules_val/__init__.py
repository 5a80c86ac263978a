"""VAL: what is stored comes back equal and of the same kind."""
