"""The task store: the rules of a task's life, over any backend.

Begin with `task_store`, whose methods are the store; `blocking` has the same ones for code without
an event loop. `config` holds the limits that both keep, `task_errors` what they raise. The other
modules each do one part of the work: `validation` of arguments, the `lifecycle` of a task, `paging`
and its `cursor`, and the `translation` of the storage's errors.
"""
