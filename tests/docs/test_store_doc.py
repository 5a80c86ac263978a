"""docs/store.md: its examples run, and it names every error, setting and method."""

from __future__ import annotations

import re
from pathlib import Path

import pmcp_storage
from pmcp_storage import GenericTaskStore, StoreConfig, TaskError

PAGE = Path(__file__).parents[2] / "docs" / "store.md"


def test_the_page_on_the_store_is_up_to_date() -> None:
    page = PAGE.read_text(encoding="utf-8")
    examples = [text for text in page.split("```") if "assert" in text and "python\n" in text]
    assert len(examples) == 2
    for example in examples:
        exec(compile(example.removeprefix("python\n"), "store.md", "exec"), {})
    missing = {name for name in vars(pmcp_storage) if name.endswith("Error")} - {"TaskError"}
    missing = {name for name in missing if issubclass(getattr(pmcp_storage, name), TaskError)}
    assert {name for name in missing if f"| `{name}` | " not in page} == set()
    for name, field in StoreConfig.model_fields.items():
        [line] = [line for line in page.splitlines() if line.startswith(f"| `{name}` | ")]
        default = f"{field.default:,}" if type(field.default) is int else f"{field.default}"
        assert line.split(" | ")[1].startswith(default)
    for name in [name for name in vars(GenericTaskStore) if not name.startswith("_")]:
        assert re.search(rf"^\| [^|]*`{name}[(`]", page, re.MULTILINE)
