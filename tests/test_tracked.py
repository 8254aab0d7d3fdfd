"""What the repository must not name: a registry's host, or a path of the machine that it was written on."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# Put together here, so that this file passes its own test.
FORBIDDEN = re.compile(
    "|".join(
        [
            r"pypi\." + "org",
            "python" + r"hosted\.org",
            r"registry\.npmjs" + r"\.org",
            r"deb\.debian" + r"\.org",
            "--(extra-)?index-" + "url [^=\n]*//",
            "/" + r"(home|Users)/[a-z]",
            "/" + r"(root|work|opt)/[a-z]",
        ]
    )
)
# Their minified text and licences name what they like; checksums hold them.
VENDORED = re.compile(r"/vendor/")


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listed.stdout.split("\0") if name and not VENDORED.search(f"/{name}")]


def named(text: str) -> list[str]:
    return [match[0] for match in FORBIDDEN.finditer(text)]


def test_no_registry_and_no_machine_is_named() -> None:
    texts = {path: path.read_bytes() for path in tracked() if path.is_file()}
    found = {str(path): named(data.decode()) for path, data in texts.items() if b"\0" not in data}
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize("text", ["https://pypi" + ".org/simple", "file:///" + "opt/wheels", "/" + "home/me/handover"])
def test_the_search_finds_them(text: str) -> None:
    assert named(text)


def test_nothing_is_tracked_that_is_ignored_or_leads_out_of_it() -> None:
    """A link in the place of an environment would take that of whoever checks it out."""
    ignored = subprocess.run(
        ["git", "ls-files", "-ci", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True
    )
    assert ignored.stdout == b""
    assert [path for path in tracked() if path.is_symlink()] == []
