"""Network faults: injected between a handle and its server, with checks of what is then answered.

- `injections` is where to begin: an operation with a fault at each of its exchanges in turn, and
  what came of it. `tested_writes` and `tested_reads` have the operations, `interference` what
  another client does meanwhile, and `checks` says which answers are true.
- `faults` has the kinds of faults, a module for each, and `schedules` which exchanges they are
  injected into.
- `faulty_connection` opens a handle that reaches the storage through a proxy of its own.
- `fault_proxy` is that proxy, which knows no protocol: any server of requests and answers that
  speaks TCP without TLS will do. It consists of an `event_loop`, `connection_pair`s, the count of
  their `exchanges`, and the `gathering` of requests.

Which operations meet which faults is decided by the rules, most of them in `contract.rules_flt`.
"""
