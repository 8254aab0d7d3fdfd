"""The tree's operations. A leaf that holds devices never becomes a parent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import ProtectedError
from django.db.models.functions import Now

from lib import names
from lib.refusals import Refusal
from tenants import refusals
from tenants.audit import log as audit_log
from tenants.groups import move_preview
from tenants.models import AuditEntry, Group, Organisation, Role
from tenants.people import operations as people
from tenants.people import reach
from tenants.tokens import operations as tokens

if TYPE_CHECKING:
    from tenants.models import User

DONE = {"move": "moved", "archive": "archived", "restore": "restored", "delete": "deleted"}
HISTORY = "Devices were in it, and their history names it. Archive it instead: then nobody is offered it any more."


def create_organisation(*, name: str, slug: str, **settings: object) -> Organisation:
    name = names.clean_name(name)
    with transaction.atomic():
        root = Group.objects.add_root({"name": name})
        organisation = Organisation.objects.create(root=root, slug=slug, **settings)
        audit_log.record(group=root, by=None, what=f"Organisation {name} made")
        return organisation


def create(*, parent: Group, name: str, by: User | None = None) -> Group:
    """Add a child below `parent`; refuses a parent that holds devices or is archived."""
    name = names.clean_name(name)
    with transaction.atomic():
        (locked,) = _lock(parent, by=by)
        if why := move_preview.explain_unfit(locked):
            raise why
        group: Group = Group.objects.add_child(locked, {"name": name})
        audit_log.record(group=group, by=by, what=f"Group {name} made in {locked}")
        return group


def rename(*, group: Group, name: str, by: User | None = None) -> None:
    """Rename a group. Whoever manages it may: a customer may call itself what it likes."""
    name = names.clean_name(name)
    with transaction.atomic():
        (locked,) = _lock(group, by=by)
        if locked.name == name:
            return
        Group.objects.filter(pk=locked.pk).update(name=name)
        what = f"{locked} renamed to {name}"
        audit_log.record(group=locked, by=by, what=what, name=[locked.name, name])


def move(*, group: Group, to: Group, by: User | None = None, seen: str | None = None) -> None:
    """Move `group` below `to`, with all that is below it; never across organisations.

    `seen` is the digest of the preview that the mover agreed to; raises Refusal if it would be another one now.
    """
    if group.root_path != to.root_path:
        raise Refusal(refusals.OTHER_ORGANISATION)
    with transaction.atomic():
        moving, target = _lock(group, to, by=by)
        _refuse_beyond(moving, "move", by)
        if why := move_preview.explain_refusal(moving, target):
            raise why
        if seen is not None and move_preview.preview_move(moving, target).digest != seen:
            raise Refusal(refusals.TREE_CHANGED)
        left: Group = Group.objects.get_parent(moving)
        Group.objects.move(moving, target, "last-child")
        audit_log.record(group=moving, by=by, what=f"{moving} moved into {target}", parents=[left.pk, target.pk])
        if left != target:  # its log went with it: those whom it left are told so, and not where it went
            what = f"{moving} moved out of {left}"
            audit_log.record(group=left, about=moving.name, by=by, what=what, moved=moving.pk)
        tokens.revoke_out_of_reach(moved=moving, left=left, by=by)
        people.withdraw_out_of_reach(moving.path, by=by)
        reach.settle_lost(by=by, path=moving.path)


def archive(*, group: Group, by: User | None = None) -> None:
    """Take an empty leaf out of every choice, keeping the history that names it."""
    with transaction.atomic():
        (locked,) = _lock(group, by=by)
        _refuse_beyond(locked, "archive", by)
        if locked.numchild or move_preview.holds_devices(locked):
            raise Refusal(refusals.GROUP_NOT_EMPTY)
        if Group.objects.filter(pk=locked.pk, archived_at=None).update(archived_at=Now()):
            audit_log.record(group=locked, by=by, what=f"{locked} archived")


def restore(*, group: Group, by: User | None = None) -> None:
    """Take it out of the archive; nothing if it is not in it."""
    with transaction.atomic():
        (locked,) = _lock(group, by=by)
        _refuse_beyond(locked, "restore", by)
        if Group.objects.filter(pk=locked.pk, archived_at__isnull=False).update(archived_at=None):
            audit_log.record(group=locked, by=by, what=f"{locked} taken out of the archive")


def delete(*, group: Group, by: User | None = None) -> None:
    """Remove an empty leaf that nobody is in and that no history names; what the log says of it goes to its parent."""
    with transaction.atomic():
        (locked,) = _lock(group, by=by)
        _refuse_beyond(locked, "delete", by)
        if reasons := list_obstacles(locked):
            raise Refusal(refusals.GROUP_IN_USE, group=locked, reasons=" ".join(reasons))
        parent, deleted = Group.objects.get_parent(locked), locked.pk
        tokens.revoke_with(group=locked, by=by)
        AuditEntry.objects.hand_up(locked, parent)
        try:
            locked.delete()
        except ProtectedError:
            raise Refusal(refusals.GROUP_IN_USE, group=locked, reasons=HISTORY) from None
        what = f"Group {locked} deleted"
        audit_log.record(group=parent, about=locked.name, by=by, what=what, deleted=deleted)


def explain_beyond(by: User | None, group: Group, act: str) -> Refusal | None:
    """Return why `act` is not for this admin of the group to do, or nothing.

    A group's place and its end are the business of whoever manages the group above it, for that one loses it.
    """
    if group.is_root():
        return Refusal(refusals.ORGANISATION_STAYS, done=DONE[act])
    if by is not None and not by.may(Role.ADMIN, group.parent_path):
        return Refusal(refusals.GROUP_BEYOND, act=act)
    return None


def list_obstacles(group: Group) -> list[str]:
    """Return why a group can't be deleted, in words that say what to do; none if it can."""
    reasons = {
        "It has groups below it: move or delete them first.": group.numchild > 0,
        "It holds devices: move them into another group first.": move_preview.holds_devices(group),
        "People are members of it: remove them first.": group.memberships.exists(),
        "People are invited to it: withdraw the invitations first.": group.invitations.waiting().exists(),
        "Devices are being imported into it: wait until that has ended, or cancel it.": _has_working_import(group),
        HISTORY: not move_preview.holds_devices(group) and _has_rows(group, "assignments"),
    }
    return [reason for reason, holds in reasons.items() if holds]


def _lock(*groups: Group, by: User | None) -> list[Group]:
    """Lock the rows, and return them as they are now. Nobody else changes their organisation's tree meanwhile.

    One that is gone and one that `by` does not manage are refused alike.
    """
    # The root stands for its tree: a move rewrites paths that a lock on two rows would not hold.
    list(Group.objects.select_for_update(no_key=True).filter(path=groups[0].root_path))
    # With the key: imports hold the leaves that they fill by no more than that.
    rows = Group.objects.select_for_update().filter(pk__in=[group.pk for group in groups]).order_by("pk")
    locked = {row.pk: row for row in rows if by is None or by.may(Role.ADMIN, row.path)}
    if not all(group.pk in locked for group in groups):
        raise Refusal(refusals.GROUP_GONE)
    return [locked[group.pk] for group in groups]


def _has_working_import(group: Group) -> bool:
    """Decide whether a job of the room above is to fill the group."""
    return any(job.is_working for job in group.imports.all())


def _has_rows(group: Group, name: str) -> bool:
    """Decide whether rows of the room above point to the group."""
    return bool(getattr(group, name).exists())


def _refuse_beyond(group: Group, act: str, by: User | None) -> None:
    if why := explain_beyond(by, group, act):
        raise why
