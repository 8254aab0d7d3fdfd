"""Who: the tenant tree, the people in it, and what they may reach."""

from tenants.models.change import Change, ChangeQuerySet
from tenants.models.invitation import Invitation, InvitationQuerySet
from tenants.models.people import Membership, MembershipQuerySet, User, UserManager, UserQuerySet
from tenants.models.tree import Group, GroupManager, GroupQuerySet, Organisation, Role, default_proofs, under

__all__ = [
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
    "Role",
    "User",
    "UserManager",
    "UserQuerySet",
    "default_proofs",
    "under",
]
