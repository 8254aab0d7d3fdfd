"""Inviting people by e-mail. The link is made, hashed and mailed in one go: it is kept nowhere, so sending again
makes a new one."""

from __future__ import annotations

import logging
import secrets
from smtplib import SMTPException
from typing import TYPE_CHECKING, NamedTuple

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.template.loader import render_to_string
from django.urls import reverse

from lib import names
from tenants.audit import log as audit_log
from tenants.errors import Stale
from tenants.models import Group, Invitation, Membership, Role, User
from tenants.models.invitation import LASTS, hashed
from tenants.people import operations as people

if TYPE_CHECKING:
    from datetime import timedelta

    from tenants.models import InvitationQuerySet

log = logging.getLogger(__name__)


class Gone(ValidationError):
    """The invitation is no longer valid; nothing was done."""


class Taken(ValidationError):
    """There is an account with this address, so it has to sign in first."""


class Elsewhere(ValidationError):
    """The account belongs to another organisation."""


class Prepared(NamedTuple):
    invitation: Invitation
    token: str

    def __repr__(self) -> str:
        return f"Prepared({self.invitation!r})"


def invite(*, email: str, group: Group, role: Role, by: User | None, site: str) -> Invitation:
    """Mail a new link; one that was sent to the same address for the same group before works no longer.

    `site` is the origin that the link names. `sent_at` stays empty if the mail server did not take the message.
    """
    with transaction.atomic(durable=True):  # the mail must not leave before the row is there
        made = prepare(email=email, group=group, role=role, by=by)
    send(made, site=site)
    return made.invitation


def prepare(*, email: str, group: Group, role: Role, by: User | None) -> Prepared:
    """The invitation, still to be sent once the transaction around it is through."""
    email, token = email.strip().lower(), secrets.token_urlsafe(32)
    with transaction.atomic():
        organisation = people.lock(group.root_path)
        _refuse_archived(group)
        _refuse_flood(organisation.invitations.all(), group, by)
        organisation.invitations.waiting().filter(group=group, email=email).update(withdrawn_at=Now())
        invitation = Invitation.objects.create(
            organisation=organisation,
            group=group,
            role=role,
            email=email,
            by=by,
            token_hash=hashed(token),
            expires_at=Now() + LASTS,
        )
        what = f"{email} invited as {role.label} of {group}"
        audit_log.record(group=group, by=by, what=what, invitation=invitation.pk)
    invitation.refresh_from_db()
    return Prepared(invitation, token)


def send(prepared: Prepared, *, site: str) -> None:
    _send(prepared.invitation, site + reverse("tenants:invitation", kwargs={"token": prepared.token}))


def withdraw(*, invitation: Invitation, by: User) -> None:
    with transaction.atomic():
        waiting = Invitation.objects.waiting().filter(pk=invitation.pk)
        if waiting.update(withdrawn_at=Now()) != 1:
            raise Stale
        what = f"Invitation of {invitation.email} to {invitation.group} withdrawn"
        audit_log.record(group=invitation.group, by=by, what=what, invitation=invitation.pk)


def find(token_hash: str) -> Invitation | None:
    """What somebody holds who came with this token."""
    return _standing(Invitation.objects.filter(token_hash=token_hash))


def has_account(invitation: Invitation) -> bool:
    return User.objects.filter(email=invitation.email).exists()


def accept(*, invitation: Invitation, user: User) -> Membership:
    """By somebody who has an account with the invited address. Raises `Gone`, or `Elsewhere`."""
    with transaction.atomic():
        invitation = _take(invitation)
        free = User.objects.filter(Q(organisation=None) | Q(organisation=invitation.organisation), pk=user.pk)
        if user.email != invitation.email or free.update(organisation=invitation.organisation) != 1:
            raise Elsewhere("This account belongs to another organisation, and an account belongs to one.")
        user.refresh_from_db()
        return _enter(invitation, user)


def join(*, invitation: Invitation, name: str, password: str) -> User:
    """By somebody new. Raises `Gone`, or `Taken` if there is an account with the address by now."""
    name = names.clean_name(name)
    with transaction.atomic():
        invitation = _take(invitation)
        try:
            with transaction.atomic():
                user = User.objects.create_user(
                    invitation.email, password, name=name, organisation=invitation.organisation
                )
        except IntegrityError:
            raise Taken("There is an account with this address already. Sign in to accept.") from None
        _enter(invitation, user)
    return user


def _take(invitation: Invitation) -> Invitation:
    """One of many at once gets it."""
    people.lock(invitation.group.root_path)
    current = _standing(Invitation.objects.filter(pk=invitation.pk))
    if current is None or Invitation.objects.valid().filter(pk=current.pk).update(accepted_at=Now()) != 1:
        raise Gone("This invitation is no longer valid; ask for a new one.")
    return current


def _enter(invitation: Invitation, user: User) -> Membership:
    """A role that the user has already is never lowered by an invitation."""
    role, group = Role(invitation.role), invitation.group
    membership, made = Membership.objects.get_or_create(user=user, group=group, defaults={"role": role})
    if not made:
        Membership.objects.filter(pk=membership.pk, role__lt=role).update(role=role)
    what = f"{user} accepted the invitation as {role.label} of {group}"
    audit_log.record(group=group, by=user, what=what, invitation=invitation.pk, user=user.pk)
    return membership


def _standing(scope: InvitationQuerySet) -> Invitation | None:
    """The valid one of these, if whoever sent it still may."""
    related = scope.valid().select_related("organisation__root", "group", "by").defer("organisation__logo")
    found = related.first()
    return found if found and _may_still(found) else None


def _may_still(invitation: Invitation) -> bool:
    by = invitation.by
    if by is None:
        return True
    return by.organisation_id == invitation.organisation_id and by.may(Role.ADMIN, invitation.group.path)


def _refuse_archived(group: Group) -> None:
    if Group.objects.filter(pk=group.pk, archived_at__isnull=False).exists():
        raise ValidationError(f"{group} is archived. Take it out of the archive first.")


def _refuse_flood(scope: InvitationQuerySet, group: Group, by: User | None) -> None:
    """A person, and a group right below the root, have half of the organisation's hour; a tenth is left to each
    group whatever others send."""
    hour: timedelta = settings.INVITATION_SPAN
    lately, most = scope.filter(created_at__gt=Now() - hour), int(settings.INVITATION_LIMIT)
    half, tenth = most - most // 2, most // 10
    sent = lately.count()
    if sent < half:
        return
    mine = lately.filter(by=by).count() if by else 0
    tenant = group.path[: 2 * Group.steplen]
    tenants = (lately.filter(group=group) if group.is_root() else lately.filter(group__path__startswith=tenant)).count()
    if mine >= half:
        raise _flood("You", half)
    if group.depth > 1 and tenants >= half:
        raise _flood("Your part of the organisation", half)
    if sent >= most and max(mine, tenants) >= tenth:
        raise _flood("Your organisation", most)


def _flood(who: str, count: int) -> ValidationError:
    return ValidationError(
        f"{who} sent {count} invitations within the hour, which is the limit. Nobody was invited; try again later."
    )


def _send(invitation: Invitation, link: str) -> None:
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
