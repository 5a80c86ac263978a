"""Methods whose errors of the storage become those of the layer that has them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from pmcp_storage.errors import StorageError

P = ParamSpec("P")
T = TypeVar("T")

Method = Callable[P, Coroutine[Any, Any, T]]


def translating(
    meaning: Callable[[StorageError], Exception],
) -> Callable[[Method[P, T]], Method[P, T]]:
    """A decorator: the method raises what each StorageError means, with that as its cause."""

    def decorate(method: Method[P, T]) -> Method[P, T]:
        @wraps(method)
        async def operation(*args: P.args, **kwargs: P.kwargs) -> T:
            try:
                return await method(*args, **kwargs)
            except StorageError as error:
                raise meaning(error) from error

        return operation

    return decorate
