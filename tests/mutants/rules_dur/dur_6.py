"""Mutants of DUR-6."""

from __future__ import annotations

from pathlib import Path

from mutants.files import FileStorage
from mutants.rules_dur.support import DurableTarget
from pmcp_storage import (
    BackendError,
)


class MadeOnce(FileStorage):
    """Its schema is a folder with a file in it."""

    @property
    def schema(self) -> Path:
        return self.folder / "schema"


class SchemaMadeTwice(MadeOnce):
    """Creates the schema if it has looked and there was none."""

    def initialize(self) -> None:
        if not self.schema.exists():
            self.folder.mkdir()
            self.schema.write_text("1")


class SecondOpenerFails(DurableTarget):
    """breaks DUR-6: the first opening looks whether there is a schema and creates it without IF
    NOT EXISTS; the second process fails with "already exists".
    """

    storage = SchemaMadeTwice


class SchemaHalfMade(MadeOnce):
    """Takes a folder for storage that is set up."""

    def initialize(self) -> None:
        try:
            self.folder.mkdir()
        except FileExistsError:
            if self.schema.exists():
                return
            raise BackendError("this is no storage: it has no schema") from None
        self.schema.write_text("1")


class SecondOpenerIsTooEarly(DurableTarget):
    """breaks DUR-6: the schema is created in two steps, and a process that opens in between finds
    half of it.
    """

    storage = SchemaHalfMade


class Clearing(MadeOnce):
    """Clears the place where it creates its schema."""

    def initialize(self) -> None:
        super().initialize()
        if not self.schema.exists():
            for path in self.folder.glob("*/*.json"):
                path.unlink()
            self.schema.write_text("1")


class SecondOpenerClears(DurableTarget):
    """breaks DUR-6: both processes find no schema, and the slower one drops what the faster one has
    written already before it creates its own.
    """

    storage = Clearing
