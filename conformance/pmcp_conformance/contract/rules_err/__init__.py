"""ERR: errors are of the right kind, say enough and not too much, and break nothing."""
