"""The log of groups, people, tokens and settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenants.models import AuditEntry, Organisation

if TYPE_CHECKING:
    from tenants.models import Group, User

LONGEST = 300


def record(
    kind: AuditEntry.Kind = AuditEntry.Kind.GROUP,
    /,
    *,
    group: Group,
    by: User | None,
    what: str,
    about: str = "",
    **data: object,
) -> AuditEntry:
    """Write a fact for those who manage the group, in the transaction that makes it one.

    `by` none: the site's operator. `about`: the name of what it is about, if that is another group than this.
    """
    return AuditEntry.objects.create(
        organisation=Organisation.objects.only("pk").get(root__path=group.root_path),
        group=group,
        group_name=about or group.name,
        by=by,
        kind=kind,
        what=what[:LONGEST],
        data=data,
    )
