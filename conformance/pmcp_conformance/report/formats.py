"""Writing a report, in the format that a file's ending names, and reading one."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError

from pmcp_conformance.report.badge import badge
from pmcp_conformance.report.markdown import markdown
from pmcp_conformance.report.model import SCHEMA_VERSION, Report


class ReportFileError(ValueError):
    """A report cannot be written there, or a file is none; the message names the file."""


def _json(report: Report) -> str:
    return report.model_dump_json(indent=2) + "\n"


def _html(report: Report) -> str:
    from pmcp_conformance.report.page import page  # its library takes time to load

    return page(report)


_RENDERERS: dict[str, Callable[[Report], str]] = {
    ".json": _json,
    ".html": _html,
    ".md": markdown,
    ".svg": badge,
}
"""What makes the text of a report, by the ending of its file."""

ENDINGS = tuple(_RENDERERS)


def check_writable(file: Path) -> None:
    """Raise ReportFileError if no report can be written there: by its ending, or by its folder.

    The folder is made if it is missing.
    """
    if file.suffix not in _RENDERERS:
        raise ReportFileError(f"{file}: the ending must be one of {', '.join(ENDINGS)}")
    if file.is_dir():
        raise ReportFileError(f"{file} is a folder: name a file")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=file.parent):
            pass
    except OSError as error:
        raise ReportFileError(f"{file} cannot be written: {error}") from error


def write(report: Report, file: Path) -> None:
    """Write the report in the format of the file's ending. Raises ReportFileError."""
    try:
        file.write_text(_RENDERERS[file.suffix](report), encoding="utf-8")
    except OSError as error:
        raise ReportFileError(f"{file} cannot be written: {error}") from error


def read(file: Path) -> Report:
    """The report that a `.json` file holds.

    Raises ReportFileError for a file that cannot be read, holds something else, or was written
    with a schema that this version of the kit does not know.
    """
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ReportFileError(f"{file} cannot be read as JSON: {error}") from error
    version = data.get("schema_version") if isinstance(data, dict) else None
    if version is None:
        raise ReportFileError(f"{file} is no report: it has no schema_version")
    if version != SCHEMA_VERSION:
        raise ReportFileError(
            f"{file} has schema version {version}, and this version of pmcp-storage reads "
            f"{SCHEMA_VERSION}: use the one that wrote it, or write it again"
        )
    try:
        return Report.model_validate(data)
    except ValidationError as error:
        [first, *_] = error.errors()
        where = ".".join(map(str, first["loc"]))
        raise ReportFileError(f"{file} is no report: {where}: {first['msg']}") from error
