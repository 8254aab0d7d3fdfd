"""The vendored files are those of the manifest, and hashed storage accepts them."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENDOR = ROOT / "static/vendor"
OTHER = ROOT / "tests/e2e/vendor"

COLLECT = """
import sys
from django.conf import settings
settings.configure(
    INSTALLED_APPS=["django.contrib.staticfiles"],
    STATIC_URL="/static/",
    STATICFILES_DIRS=[sys.argv[1]],
    STATIC_ROOT=sys.argv[2],
    STORAGES={"staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"}},
)
import django
django.setup()
from django.core.management import call_command
call_command("collectstatic", interactive=False, verbosity=0)
"""


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)


def test_every_file_has_the_checksum_of_the_manifest() -> None:
    done = run(VENDOR / "update.py", "--check")
    assert done.returncode == 0, done.stderr


def test_a_changed_a_missing_and_an_unlisted_file_are_named(tmp_path: Path) -> None:
    copy = tmp_path / "static/vendor"
    shutil.copytree(VENDOR, copy)
    (copy / "htmx/htmx.min.js").write_text("alert(1)")
    (copy / "uplot/LICENSE").unlink()
    (copy / "stray.js").write_text("")
    done = run(copy / "update.py", "--check")
    assert done.returncode == 1
    assert "htmx.min.js: differs from htmx.org 2.0.10" in done.stderr
    assert "uplot/LICENSE: missing" in done.stderr
    assert "stray.js: not in the manifest" in done.stderr


def test_every_package_is_pinned_and_brings_its_licence() -> None:
    for folder in (VENDOR, OTHER):
        for package in json.loads((folder / "manifest.json").read_text())["packages"]:
            assert package["version"].count(".") == 2
            assert package["licence"]
            paths = [Path(entry["path"]).name for entry in package["files"]]
            assert "LICENSE" in paths, package["name"]


def test_hashed_storage_finds_every_file_that_a_file_names(tmp_path: Path) -> None:
    done = run("-c", COLLECT, ROOT / "static", tmp_path)
    assert done.returncode == 0, done.stderr
    names = json.loads((tmp_path / "staticfiles.json").read_text())["paths"]
    assert "vendor/zxing-wasm/zxing_reader.wasm" in names


def test_nothing_that_runs_names_a_content_network() -> None:
    scripts = [*VENDOR.rglob("*.js"), *VENDOR.rglob("*.css"), *(ROOT / "static/js").glob("*.js")]
    assert scripts
    for path in scripts:
        text = path.read_text()
        assert "sourceMappingURL" not in text, path
        assert not re.search(r"https?://\S*(cdn|npm)", text), path
