"""Who: the tenant tree, the people in it, and what they may reach."""

from tenants.models.account import AccountEvent, AccountEventQuerySet
from tenants.models.audit import AuditEntry, AuditEntryQuerySet
from tenants.models.idempotency import IdempotencyRecord
from tenants.models.invitation import Invitation, InvitationQuerySet
from tenants.models.people import Membership, MembershipQuerySet, User, UserManager, UserQuerySet
from tenants.models.push import PushKey, PushSubscription, PushSubscriptionQuerySet
from tenants.models.token import ApiToken, ApiTokenQuerySet
from tenants.models.tree import Group, GroupManager, GroupQuerySet, Organisation, Presence, Role, under

__all__ = [
    "AccountEvent",
    "AccountEventQuerySet",
    "ApiToken",
    "ApiTokenQuerySet",
    "AuditEntry",
    "AuditEntryQuerySet",
    "Group",
    "GroupManager",
    "GroupQuerySet",
    "IdempotencyRecord",
    "Invitation",
    "InvitationQuerySet",
    "Membership",
    "MembershipQuerySet",
    "Organisation",
    "Presence",
    "PushKey",
    "PushSubscription",
    "PushSubscriptionQuerySet",
    "Role",
    "User",
    "UserManager",
    "UserQuerySet",
    "under",
]
