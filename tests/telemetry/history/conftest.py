from __future__ import annotations

import pytest

from telemetry.history import roller


@pytest.fixture(autouse=True)
def _waits_for_whoever_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the server's other databases, too, where another process's test may write for a minute."""
    monkeypatch.setattr(roller, "PATIENCE", 180.0)
