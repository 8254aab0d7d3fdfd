"""Who may do what. An organisation never loses its last admin, and whoever loses a right is signed out everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from lib.refusals import Refusal
from tenants import refusals
from tenants.accounts import events
from tenants.audit import log as audit_log
from tenants.models import AccountEvent, AuditEntry, Group, Invitation, Membership, Organisation, Role, User
from tenants.people import reach
from tenants.push import operations as push
from tenants.tokens import operations as tokens

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import QuerySet


def change_role(*, membership: Membership, role: Role, by: User) -> None:
    user, group, before = membership.user, membership.group, Role(membership.role)
    with transaction.atomic():
        lock_organisation(group.root_path)
        if Membership.objects.filter(pk=membership.pk, role=before).update(role=role) != 1:
            raise Refusal(refusals.CHANGED_MEANWHILE)
        _settle_lost_right(user, group, lost=role < before, by=by, left=role)
        what = f"{user} became {role.label} of {group}, was {before.label}"
        audit_log.record(
            AuditEntry.Kind.PERSON, group=group, by=by, what=what, user=user.pk, role=[before.label, role.label]
        )


def remove(*, membership: Membership, by: User) -> None:
    """Take a role away. The account stays in the organisation, for its admins to give another or to remove."""
    user, group, before = membership.user, membership.group, Role(membership.role)
    with transaction.atomic():
        lock_organisation(group.root_path)
        if not Membership.objects.filter(pk=membership.pk, role=before).delete()[0]:
            raise Refusal(refusals.CHANGED_MEANWHILE)
        _settle_lost_right(user, group, lost=True, by=by)
        what = f"{user} is no longer {before.label} of {group}"
        audit_log.record(AuditEntry.Kind.PERSON, group=group, by=by, what=what, user=user.pk, role=[before.label, None])


def set_active(*, user: User, active: bool, by: User) -> None:
    """Disable an account, or let it in again; its roles stay."""
    root = _get_root(user)
    with transaction.atomic():
        lock_organisation(root.path)
        if User.objects.filter(pk=user.pk, is_active=not active).update(is_active=active) != 1:
            raise Refusal(refusals.CHANGED_MEANWHILE)
        _settle_lost_right(user, root, lost=not active, by=by)
        audit_log.record(
            AuditEntry.Kind.PERSON,
            group=root,
            by=by,
            what=f"{user} {'enabled' if active else 'disabled'}",
            user=user.pk,
        )


def expel(*, user: User, by: User) -> None:
    """Remove somebody from the organisation, or leave it: all roles go. The account itself stays theirs."""
    root = _get_root(user)
    with transaction.atomic():
        lock_organisation(root.path)
        if User.objects.filter(pk=user.pk, organisation=user.organisation_id).update(organisation=None) != 1:
            raise Refusal(refusals.CHANGED_MEANWHILE)
        lost = [f"{row.get_role_display()} of {row.group}" for row in user.memberships.select_related("group")]
        user.memberships.all().delete()
        _settle_lost_right(user, root, lost=True, by=by)
        what = f"{user} left the organisation" if by == user else f"{user} removed from the organisation"
        audit_log.record(AuditEntry.Kind.PERSON, group=root, by=by, what=what, user=user.pk, roles=lost)


def sign_out_everywhere(*, user: User) -> None:
    """Sign oneself out everywhere, as somebody asks for who lost a phone."""
    with transaction.atomic():
        events.record(AccountEvent.Kind.SIGNED_OUT_EVERYWHERE, user=user)
        end_sessions(user=user, by=user)


def end_sessions(*, user: User, by: User | None) -> None:
    """Sign somebody out everywhere: sessions at once, open streams at their next heartbeat, API tokens and messages to
    browsers for good."""
    with transaction.atomic():
        User.objects.filter(pk=user.pk).update(epoch=F("epoch") + 1)
        tokens.revoke_all(user=user, by=by)
        push.end_all(user=user)


def find_admins(path: str) -> QuerySet[User]:
    """Return who can act for the whole organisation with this root."""
    memberships = Membership.objects.filter(group__path=path, role=Role.ADMIN)
    return User.objects.filter(is_active=True, memberships__in=memberships)


def lock_organisation(path: str) -> Organisation:
    """Lock the organisation with this root; changes of its people wait for each other until the transaction ends."""
    # Without the key: rows that point to the organisation can still be made.
    return Organisation.objects.select_for_update(no_key=True, of=("self",)).defer("logo").get(root__path=path)


def _settle_lost_right(user: User, group: Group, *, lost: bool, by: User, left: int = 0) -> None:
    """Finish a change of a right to the role that is `left`: refuse if nobody is left in charge; end what the lost
    right kept open, and what would give it back."""
    if not lost:
        return
    if group.is_root() and not find_admins(group.path).exists():
        raise Refusal(refusals.LAST_ADMIN)
    end_sessions(user=user, by=by)
    path = Group.objects.values_list("path", flat=True).get(pk=group.pk)
    to_them = Invitation.objects.waiting().filter(email=user.email, role__gt=left, group__path__startswith=path)
    _withdraw(to_them.select_related("group"), by)
    withdraw_out_of_reach(path, by=by, sender=user)
    reach.settle_lost(by=by, user=user)


def withdraw_out_of_reach(path: str, *, by: User | None, sender: User | None = None) -> None:
    """End the invitations into the group with this path, and below it, that their sender may not send any more, all or
    one sender's: a later role, or a move back, must not make them work again."""
    sent = Invitation.objects.waiting().filter(group__path__startswith=path, by__isnull=False)
    rows = list((sent.filter(by=sender) if sender else sent).select_related("group"))
    memberships = Membership.objects.filter(user__in={row.by_id for row in rows}, user__is_active=True, role=Role.ADMIN)
    managed = list(memberships.values_list("user", "group__path"))
    _withdraw(
        [row for row in rows if not any(row.by_id == user and row.group.path.startswith(top) for user, top in managed)],
        by,
    )


def _withdraw(invitations: Iterable[Invitation], by: User | None) -> None:
    for invitation in invitations:
        Invitation.objects.filter(pk=invitation.pk).update(withdrawn_at=Now())
        what = f"Invitation of {invitation.email} to {invitation.group} withdrawn"
        audit_log.record(AuditEntry.Kind.INVITATION, group=invitation.group, by=by, what=what, invitation=invitation.pk)


def _get_root(user: User) -> Group:
    if user.organisation is None:
        raise Refusal(refusals.CHANGED_MEANWHILE)
    return user.organisation.root
