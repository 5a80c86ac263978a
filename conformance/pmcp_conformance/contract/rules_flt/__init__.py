"""FLT: faults on the way to the storage. An answer given under a fault is true, or an error.

Each rule puts the kit's proxy between a handle and the server. For an operation of n exchanges it
strikes the k-th for k = 1 … n, once, and also the k-th and all later ones. From FLT-8 on the
rules stand in `outcomes`.
"""
