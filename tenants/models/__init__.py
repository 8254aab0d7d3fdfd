"""Who: the tenant tree, the people in it, and what they may reach."""

from tenants.models.change import Change, ChangeQuerySet
from tenants.models.idempotency import Replay
from tenants.models.people import Membership, User, UserManager
from tenants.models.token import ApiToken, ApiTokenQuerySet
from tenants.models.tree import Group, GroupManager, GroupQuerySet, Organisation, Role, default_proofs, under

__all__ = [
    "ApiToken",
    "ApiTokenQuerySet",
    "Change",
    "ChangeQuerySet",
    "Group",
    "GroupManager",
    "GroupQuerySet",
    "Membership",
    "Organisation",
    "Replay",
    "Role",
    "User",
    "UserManager",
    "default_proofs",
    "under",
]
