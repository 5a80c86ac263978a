"""A store over a backend that counts its requests."""

from __future__ import annotations

import pytest

from pmcp_storage import GenericTaskStore
from support.store_support import NO_QUOTA, CountingBackend


@pytest.fixture
def backend() -> CountingBackend:
    return CountingBackend()


@pytest.fixture
def store(backend: CountingBackend) -> GenericTaskStore:
    return GenericTaskStore(backend, NO_QUOTA)
