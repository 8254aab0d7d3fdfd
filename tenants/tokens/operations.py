"""Making, checking and revoking what programs sign in with.

A secret is 256-bit random, so a single SHA-256 is enough at rest, and look-up by it stays cheap.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from lib import names
from lib.prepared import prepared
from lib.refusals import Refusal
from tenants import refusals
from tenants.accounts import events
from tenants.audit import log as audit_log
from tenants.grants import reload_user
from tenants.models import AccountEvent, ApiToken, AuditEntry, Group, Membership, Role, User

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import QuerySet

PREFIX = "hdo_"  # lets scanners for leaked secrets recognise one
SHOWN = 10
USED_EVERY = timedelta(minutes=1)


class Made(NamedTuple):
    token: ApiToken
    secret: str

    def __repr__(self) -> str:
        return f"Made({self.token!r})"


def create(*, by: User, name: str, group: Group, role: int, expires_at: datetime | None = None) -> Made:
    """Create a token for oneself; the secret is in nothing but the answer."""
    name = names.clean_name(name)
    secret = PREFIX + secrets.token_urlsafe(32)
    with transaction.atomic():
        group = _lock_group(group)
        _lock_person(by)
        if by.organisation is None or not reload_user(by).may(Role(role), group.path):
            raise Refusal(refusals.TOKEN_TOO_MUCH)
        token = ApiToken.objects.create(
            user=by,
            organisation=by.organisation,
            name=name,
            group=group,
            role=role,
            prefix=secret[:SHOWN],
            secret_hash=_hash_secret(secret),
            expires_at=expires_at,
        )
        _record_change(token, by, f"API token {name} made")
        events.record(AccountEvent.Kind.TOKEN_MADE, user=by, tokens=[name])
    return Made(token, secret)


def revoke(*, token: ApiToken, by: User) -> bool:
    """Revoke a token; return whether this call did."""
    with transaction.atomic():
        if ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=Now()) != 1:
            return False
        _record_change(token, by, f"API token {token.name} of {token.user} revoked")
        _tell_person(token.user, by, [token.name])
    return True


def revoke_all(*, user: User, by: User | None) -> None:
    """Revoke what acts for somebody who is signed out everywhere."""
    with transaction.atomic():
        _revoke_rows(_lock_unrevoked(ApiToken.objects.filter(user=user)), by, "signed out everywhere")


def revoke_out_of_reach(*, moved: Group, left: Group, by: User | None) -> None:
    """Revoke what a move took out of the reach of its person's roles, or moving back would give power to it again.

    Those are told whom the group left: whose people they are is nothing for where it lies now.
    """
    with transaction.atomic():
        rows = _lock_unrevoked(ApiToken.objects.filter(group__path__startswith=moved.path))
        memberships = Membership.objects.filter(user__in={token.user_id for token in rows})
        roles = list(memberships.values_list("user", "role", "group__path"))
        lost = [
            token
            for token in rows
            if not any(
                user == token.user_id and role >= token.role and token.group.path.startswith(path)
                for user, role, path in roles
            )
        ]
        _revoke_rows(lost, by, f"{moved} moved out of reach", told=left)


def revoke_with(*, group: Group, by: User | None) -> None:
    """Revoke what acts in a group that is about to be deleted, which takes the rows along."""
    with transaction.atomic():
        _revoke_rows(_lock_unrevoked(ApiToken.objects.filter(group=group)), by, f"{group} deleted")


def find_token(secret: str) -> ApiToken | None:
    """Return the live token whose secret this is, and its user with grants narrowed to it: two queries."""
    found = _select_live(_hash_secret(secret))
    if not found:
        return None
    (token,) = found
    token.user.grants, token.user.came_by = token.narrow(token.user.grants), token.pk
    return token if token.user.grants else None


@prepared
def _select_live(secret_hash: bytes) -> QuerySet[ApiToken]:
    related = ApiToken.objects.live().select_related("user__organisation__root", "group")
    return related.defer("user__organisation__logo").filter(secret_hash=secret_hash)


def record_use(token: ApiToken) -> None:
    """Remember the use, at most once a minute."""
    if token.last_used_at and timezone.now() - token.last_used_at < USED_EVERY:
        return
    stale = Q(last_used_at=None) | Q(last_used_at__lt=Now() - USED_EVERY)
    ApiToken.objects.filter(stale, pk=token.pk).update(last_used_at=Now())


def _lock_unrevoked(scope: QuerySet[ApiToken]) -> list[ApiToken]:
    """Return those that are not revoked, locked until the transaction ends."""
    rows = scope.filter(revoked_at=None).select_related("group", "user")
    return list(rows.select_for_update(of=("self",), no_key=True).order_by("pk"))


def _revoke_rows(rows: list[ApiToken], by: User | None, why: str, *, told: Group | None = None) -> None:
    ApiToken.objects.filter(pk__in=[token.pk for token in rows]).update(revoked_at=Now())
    ended: dict[User, list[str]] = {}
    for token in rows:
        _record_change(token, by, f"API token {token.name} of {token.user} revoked: {why}", told)
        ended.setdefault(token.user, []).append(token.name)
    for user, called in ended.items():
        _tell_person(user, by, called, why)


def _lock_group(group: Group) -> Group:
    """Lock the group, and return it as it is now; whoever moves it waits."""
    current: Group | None = Group.objects.select_for_update(no_key=True).filter(pk=group.pk).first()
    if current is None:
        raise Refusal(refusals.GROUP_GONE)
    return current


def _lock_person(user: User) -> None:
    """Let whoever signs the person out everywhere wait; refuse if that has happened since they were asked."""
    current = User.objects.select_for_update(no_key=True).filter(pk=user.pk, epoch=user.epoch, is_active=True)
    if not current.exists():
        raise Refusal(refusals.SIGNED_OUT)


def _tell_person(user: User, by: User | None, names: list[str], why: str = "") -> None:
    data = {"tokens": names, "why": why, "by": "" if by == user else str(by or "the site's operator")}
    events.record(AccountEvent.Kind.TOKENS_REVOKED, user=user, mail=True, **data)


def _hash_secret(secret: str) -> bytes:
    return hashlib.sha256(secret.encode(errors="surrogateescape")).digest()


def _record_change(token: ApiToken, by: User | None, what: str, told: Group | None = None) -> None:
    """Record it for those who manage the token's group, or the group that is told."""
    facts = {"token": token.pk, "role": token.role, "prefix": token.prefix}
    audit_log.record(
        AuditEntry.Kind.TOKEN, group=told or token.group, about=token.group.name, by=by, what=what, **facts
    )
