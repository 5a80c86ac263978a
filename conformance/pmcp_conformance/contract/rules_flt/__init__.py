"""FLT: faults of the network. An answer given under a fault is true, or an error.

Each rule puts the kit's proxy between a handle and the server. For an operation of n exchanges it
injects a fault into the k-th for k = 1 … n, once, and also into the k-th and all later ones.
"""
