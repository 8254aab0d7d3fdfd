"""Doors whose group is to be archived."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.models import Door

if TYPE_CHECKING:
    from tenants.models import Group


def foresee_archive(group: Group) -> str:
    """Say how many doors would refuse devices for want of a group, and what to do; which ones, their admins know."""
    number = Door.objects.filter(group=group, ended_at=None).count()
    if not number:
        return ""
    doors = "1 door places" if number == 1 else f"{number} doors place"
    refuse = "it refuses" if number == 1 else "they refuse"
    return f"{doors} devices here. Once the group is archived, {refuse} them until given another group."
