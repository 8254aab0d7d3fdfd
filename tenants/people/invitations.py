"""Inviting people by e-mail. The link is made, hashed and mailed in one go: it is kept nowhere, so sending again
makes a new one."""

from __future__ import annotations

import logging
import secrets
from smtplib import SMTPException
from typing import TYPE_CHECKING, NamedTuple

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.template.loader import render_to_string
from django.urls import reverse

from lib import names
from lib.refusals import Refusal
from tenants import refusals
from tenants.audit import log as audit_log
from tenants.models import AuditEntry, Group, Invitation, Membership, Role, User
from tenants.models.invitation import LASTS, hash_token
from tenants.people import operations as people

if TYPE_CHECKING:
    from datetime import timedelta

    from tenants.models import InvitationQuerySet

log = logging.getLogger(__name__)


class Prepared(NamedTuple):
    invitation: Invitation
    token: str

    def __repr__(self) -> str:
        return f"Prepared({self.invitation!r})"


def invite(*, email: str, group: Group, role: Role, by: User | None, site: str) -> Invitation:
    """Invite somebody, and mail a new link; one sent to the same address for the same group before works no longer.

    `site` is the origin that the link names. `sent_at` stays empty if the mail server did not take the message.
    """
    with transaction.atomic(durable=True):  # the mail must not leave before the row is there
        prepared = prepare(email=email, group=group, role=role, by=by)
    send(prepared, site=site)
    return prepared.invitation


def prepare(*, email: str, group: Group, role: Role, by: User | None) -> Prepared:
    """Write the invitation, still to be sent once the transaction around it is through."""
    email, token = email.strip().lower(), secrets.token_urlsafe(32)
    with transaction.atomic():
        organisation = people.lock_organisation(group.root_path)
        _refuse_archived(group)
        _refuse_flood(organisation.invitations.all(), group, by)
        organisation.invitations.waiting().filter(group=group, email=email).update(withdrawn_at=Now())
        invitation = Invitation.objects.create(
            organisation=organisation,
            group=group,
            role=role,
            email=email,
            by=by,
            token_hash=hash_token(token),
            expires_at=Now() + LASTS,
        )
        what = f"{email} invited as {role.label} of {group}"
        audit_log.record(AuditEntry.Kind.INVITATION, group=group, by=by, what=what, invitation=invitation.pk)
    invitation.refresh_from_db()
    return Prepared(invitation, token)


def send(prepared: Prepared, *, site: str) -> None:
    _send_mail(prepared.invitation, site + reverse("tenants:invitation", kwargs={"token": prepared.token}))


def withdraw(*, invitation: Invitation, by: User) -> None:
    with transaction.atomic():
        waiting = Invitation.objects.waiting().filter(pk=invitation.pk)
        if waiting.update(withdrawn_at=Now()) != 1:
            raise Refusal(refusals.CHANGED_MEANWHILE)
        what = f"Invitation of {invitation.email} to {invitation.group} withdrawn"
        audit_log.record(AuditEntry.Kind.INVITATION, group=invitation.group, by=by, what=what, invitation=invitation.pk)


def find_invitation(token_hash: str) -> Invitation | None:
    """Return what somebody holds who came with this token, if it is valid and its sender still may invite."""
    return _find_valid(Invitation.objects.filter(token_hash=token_hash))


def has_account(invitation: Invitation) -> bool:
    return User.objects.filter(email=invitation.email).exists()


def accept(*, invitation: Invitation, user: User) -> Membership:
    """Let somebody in who has an account with the invited address. Raises Refusal."""
    with transaction.atomic():
        invitation = _claim_invitation(invitation)
        free = User.objects.filter(Q(organisation=None) | Q(organisation=invitation.organisation), pk=user.pk)
        if user.email != invitation.email or free.update(organisation=invitation.organisation) != 1:
            raise Refusal(refusals.ACCOUNT_ELSEWHERE)
        user.refresh_from_db()
        return _give_role(invitation, user)


def join(*, invitation: Invitation, name: str, password: str) -> User:
    """Create the account of somebody new. Raises Refusal, also if there is one with the address by now."""
    name = names.clean_name(name)
    with transaction.atomic():
        invitation = _claim_invitation(invitation)
        try:
            with transaction.atomic():
                user = User.objects.create_user(
                    invitation.email, password, name=name, organisation=invitation.organisation
                )
        except IntegrityError:
            raise Refusal(refusals.ADDRESS_TAKEN) from None
        _give_role(invitation, user)
    return user


def _claim_invitation(invitation: Invitation) -> Invitation:
    """Accept it for one of many at once, and return it as it is now. Raises Refusal."""
    people.lock_organisation(invitation.group.root_path)
    current = _find_valid(Invitation.objects.filter(pk=invitation.pk))
    if current is None or Invitation.objects.valid().filter(pk=current.pk).update(accepted_at=Now()) != 1:
        raise Refusal(refusals.INVITATION_GONE)
    return current


def _give_role(invitation: Invitation, user: User) -> Membership:
    """Give the role; one that the user has already is never lowered by an invitation."""
    role, group = Role(invitation.role), invitation.group
    membership, is_new = Membership.objects.get_or_create(user=user, group=group, defaults={"role": role})
    if not is_new:
        Membership.objects.filter(pk=membership.pk, role__lt=role).update(role=role)
    what = f"{user} accepted the invitation as {role.label} of {group}"
    audit_log.record(
        AuditEntry.Kind.INVITATION, group=group, by=user, what=what, invitation=invitation.pk, user=user.pk
    )
    return membership


def _find_valid(scope: InvitationQuerySet) -> Invitation | None:
    """Return the valid one of these, if whoever sent it still may."""
    related = scope.valid().select_related("organisation__root", "group", "by").defer("organisation__logo")
    invitation = related.first()
    return invitation if invitation and _may_still(invitation) else None


def _may_still(invitation: Invitation) -> bool:
    by = invitation.by
    if by is None:
        return True
    return by.organisation_id == invitation.organisation_id and by.may(Role.ADMIN, invitation.group.path)


def _refuse_archived(group: Group) -> None:
    if Group.objects.filter(pk=group.pk, archived_at__isnull=False).exists():
        raise Refusal(refusals.GROUP_ARCHIVED, field="group", group=group)


def _refuse_flood(scope: InvitationQuerySet, group: Group, by: User | None) -> None:
    """Refuse more than the hour's limit: a person, and a group right below the root, have half of the organisation's
    hour; a tenth is left to each group whatever others send."""
    hour: timedelta = settings.INVITATION_SPAN
    recent, most = scope.filter(created_at__gt=Now() - hour), int(settings.INVITATION_LIMIT)
    half, tenth = most - most // 2, most // 10
    sent = recent.count()
    if sent < half:
        return
    by_person = recent.filter(by=by).count() if by else 0
    tenant = group.path[: 2 * Group.steplen]
    by_tenant = (
        recent.filter(group=group) if group.is_root() else recent.filter(group__path__startswith=tenant)
    ).count()
    if by_person >= half:
        raise _build_flood_error("You", half)
    if group.depth > 1 and by_tenant >= half:
        raise _build_flood_error("Your part of the organisation", half)
    if sent >= most and max(by_person, by_tenant) >= tenth:
        raise _build_flood_error("Your organisation", most)


def _build_flood_error(who: str, count: int) -> Refusal:
    return Refusal(refusals.INVITATIONS_TOO_MANY, who=who, count=count)


def _send_mail(invitation: Invitation, link: str) -> None:
    context = {"invitation": invitation, "link": link}
    subject = " ".join(render_to_string("tenants/people/email/invitation_subject.txt", context).split())
    text = render_to_string("tenants/people/email/invitation.txt", context)
    mail = EmailMultiAlternatives(subject, text, to=[invitation.email])
    mail.attach_alternative(render_to_string("tenants/people/email/invitation.html", context), "text/html")
    try:
        mail.send()
    except (OSError, SMTPException, ValueError) as error:
        log.warning("invitation %s not sent: %s", invitation.pk, type(error).__name__)
        return
    Invitation.objects.filter(pk=invitation.pk).update(sent_at=Now())
    invitation.refresh_from_db(fields=["sent_at"])
