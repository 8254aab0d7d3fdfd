"""What a person may do at this moment, who asked a while ago."""

from __future__ import annotations

from tenants.models import ApiToken, User


def reload_user(user: User) -> User:
    """Return the same person with what they may do at this moment, within the token that they came by.

    For what takes long: the paths in `grants` may be other groups' by now. Who was signed out may do nothing.
    """
    now = User.objects.with_organisation().filter(pk=user.pk, epoch=user.epoch).first() or User(is_active=False)
    if user.came_by is not None:
        token = ApiToken.objects.live().select_related("group").filter(pk=user.came_by).first()
        now.grants = token.narrow(now.grants) if token else []
    return now
