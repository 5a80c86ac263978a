"""Async backends, and the adapters between sync and async ones.

Begin with `async_backend`, the interface. `sync_adapter` makes a sync backend of an async one, with
an event loop in a thread (`loop_thread`); `async_adapter` makes an async backend of a sync one.
The task store for event loops is `AsyncTaskStore` in `store.task_store`.
"""
