"""What is told when rights end, for the rooms above that keep something by them."""

from __future__ import annotations

from django.dispatch import Signal

reach_lost = Signal()
"""Sent in the transaction that took rights away, after it did, with `by` and either `user`, whose they were, or `path`:
of a group that moved with all below it."""
