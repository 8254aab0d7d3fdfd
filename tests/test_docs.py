"""What the pages and the docstrings name has to exist: files, modules, and what is in them."""

from __future__ import annotations

import ast
import importlib
import re
from functools import cache
from typing import TYPE_CHECKING

import pytest

from tests.test_tracked import ROOT, tracked

if TYPE_CHECKING:
    from pathlib import Path

ROOMS = "lib|tenants|devices|telemetry|provisioning|config|firmware_sim"
TOP = rf"(?:{ROOMS}|tests|bench|docs|docker|templates|static|scripts|requirements)"
PAGES = [*(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")), *(ROOT / "docs").rglob("*.md")]
FILE = re.compile(rf"`({TOP}/[\w./-]*)(?:::(\w+)|` \(`([\w.]+)`[,)])?")
DOTTED = re.compile(rf"(?<![\w./@:-])((?:{ROOMS})(?:\.[A-Za-z_]\w*)+)")
NO_MODULES = re.compile(r"\.(py|md|html|toml|conf|cfg|service|target|example)$")


@cache
def resolves(dotted: str) -> bool:
    """Return whether a module, or what is in one, has this name."""
    parts = dotted.split(".")
    for cut in range(len(parts), 1, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        return has(found, parts[cut:])
    return False


def has(found: object, names: list[str]) -> bool:
    for name in names:
        if not hasattr(found, name):
            return False
        found = getattr(found, name)
    return True


def gone_files(text: str) -> list[str]:
    """Return the files, and `path::name` or `path` (`name`), that are not there."""
    gone = []
    for path, test, name in FILE.findall(text):
        wanted = (test or name).split(".")[-1]
        file = ROOT / path
        if not file.exists() or (wanted and not re.search(rf"\b{wanted}\b", file.read_text())):
            gone.append(f"{path} {wanted}".strip())
    return gone


def gone_names(text: str) -> list[str]:
    return [name for name in DOTTED.findall(text) if not NO_MODULES.search(name) and not resolves(name)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_names_is_there(page: Path) -> None:
    text = page.read_text()
    in_code = " ".join(re.findall(r"`[^`\n]+`", text))
    assert gone_files(text) + gone_names(in_code) == []


def docstrings(source: str) -> str:
    nodes = ast.walk(ast.parse(source))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return "\n".join(ast.get_docstring(node) or "" for node in nodes if isinstance(node, documented))


def test_what_a_docstring_names_is_there() -> None:
    files = [path for path in tracked() if path.suffix == ".py" and path.is_file()]
    gone = {str(path.relative_to(ROOT)): gone_names(docstrings(path.read_text())) for path in files}
    assert {path: names for path, names in gone.items() if names} == {}


def test_the_search_finds_what_is_gone() -> None:
    text = "`devices/gone.py`, `devices/access.py` (`get_nothing`), `devices/access.py` (`get_device`)"
    assert gone_files(text) == ["devices/gone.py", "devices/access.py get_nothing"]
    assert gone_names("devices.secrets, devices.access.get_device") == ["devices.secrets"]
