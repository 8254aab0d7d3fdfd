"""How long an answer may be kept."""

from __future__ import annotations

FOR_EVER = "private, max-age=31536000, immutable"
"""The Cache-Control of what only some may see, at an address that changes with it: their browsers keep it."""
