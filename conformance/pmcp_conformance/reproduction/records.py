"""Records for a script: made of given fields, and changed in place."""

from __future__ import annotations

from typing import Any, TypeVar

from pmcp_storage import Task, TaskRecord

Wire = TypeVar("Wire", Task, TaskRecord)


def validated(kind: type[Wire], fields: dict[str, Any], extra: dict[str, Any]) -> Wire:
    """A task or a record of these fields, and of further ones, whatever these are called."""
    names = {name: str(field.validation_alias or name) for name, field in kind.model_fields.items()}
    values = {names[name]: value for name, value in fields.items()}
    return kind.model_validate({**values, **extra}, by_alias=True, by_name=False)


def change(record: TaskRecord, look: TaskRecord) -> None:
    """Make the containers of a record look like another's, without replacing them."""
    _alter(record.variables, look.variables)
    _alter(record.result, look.result)
    _alter(record.model_extra, look.model_extra)
    _alter(record.task.meta, look.task.meta)
    _alter(record.task.model_extra, look.task.model_extra)


def _alter(container: Any, look: Any) -> None:
    if isinstance(container, dict) and isinstance(look, dict):
        for name in container.keys() - look.keys():
            del container[name]
        for name, value in look.items():
            if isinstance(value, dict | list) and type(container.get(name)) is type(value):
                _alter(container[name], value)
            else:
                container[name] = value
    elif isinstance(container, list) and isinstance(look, list):
        container[:] = look
