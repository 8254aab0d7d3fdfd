"""Who: the tenant tree, the people in it, and what they may reach."""

from tenants.models.account import AccountEvent, AccountEventQuerySet
from tenants.models.audit import Change, ChangeQuerySet
from tenants.models.idempotency import Replay
from tenants.models.invitation import Invitation, InvitationQuerySet
from tenants.models.people import Membership, MembershipQuerySet, User, UserManager, UserQuerySet
from tenants.models.token import ApiToken, ApiTokenQuerySet
from tenants.models.tree import Group, GroupManager, GroupQuerySet, Organisation, Role, default_proofs, under

__all__ = [
    "AccountEvent",
    "AccountEventQuerySet",
    "ApiToken",
    "ApiTokenQuerySet",
    "Change",
    "ChangeQuerySet",
    "Group",
    "GroupManager",
    "GroupQuerySet",
    "Invitation",
    "InvitationQuerySet",
    "Membership",
    "MembershipQuerySet",
    "Organisation",
    "Replay",
    "Role",
    "User",
    "UserManager",
    "UserQuerySet",
    "default_proofs",
    "under",
]
