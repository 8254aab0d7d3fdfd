"""PostgreSQL and Redis for a bench, in a folder that goes with them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests import parts

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent


@contextmanager
def run_servers() -> Iterator[tuple[parts.PostgreSQL, Path]]:
    """Run them, with the site's style sheets collected; what the environment says holds for processes started in it."""
    initdb = parts.find("postgresql")
    if initdb is None:
        raise SystemExit("This needs PostgreSQL (on Debian: apt-get install postgresql).")
    folder = Path(tempfile.mkdtemp(prefix="handover-bench-"))
    server, redis = parts.PostgreSQL(initdb), parts.Redis()
    try:
        server.start()
        redis.start()
        os.environ |= {
            "REDIS_URL": redis.url,
            "STATIC_ROOT": str(folder / "static"),
            "DEMO": "1",
            "VAR_DIR": str(folder),
        }
        subprocess.run([sys.executable, "manage.py", "collectstatic", "--noinput", "-v0"], cwd=ROOT, check=True)
        yield server, folder
    finally:
        server.stop()
        redis.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def check_out(commit: str) -> Iterator[Path]:
    """Check out another build, in a tree that goes with the block."""
    with tempfile.TemporaryDirectory(prefix="handover-bench-") as folder:
        tree = Path(folder) / "tree"
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "--detach", str(tree), commit], check=True, capture_output=True)
        try:
            yield tree
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)


def build_site_command(tree: Path, port: int, *options: str, app: str = "config.asgi:application") -> list[str]:
    """Return the command that starts the site of a build as docs/operations.md has it; older builds have no protocol of
    their own, nor has another `app`."""
    is_ours = app.startswith("config.") and (tree / "config" / "connections.py").exists()
    own = ("--http", "config.connections:Connection") if is_ours else ()
    site = [sys.executable, "-m", "uvicorn", app, "--port", str(port), "--log-level", "error"]
    return [*site, "--no-proxy-headers", "--no-server-header", "--no-access-log", *own, *options]
