"""LIST: what a listing holds, in which order, and how it is paged."""
