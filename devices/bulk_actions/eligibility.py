"""What an action would do to each device: change it, or leave it as it is and why. Asked of the database."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import BigIntegerField, Case, CharField, Count, Exists, F, Max, OuterRef, Q, Sum, Value, When

from devices import tags
from devices.models import Action, Credential, Device, RecipeVersion
from tenants.models import Group

if TYPE_CHECKING:
    from collections.abc import Iterable

    from devices.models import DeviceQuerySet

CHANGE, NOT_YOURS, SINCE, NO_LEAF, FULL = "change", "not-yours", "since", "no-leaf", "full"
WORDS = {
    CHANGE: "changed",
    NOT_YOURS: "not yours to manage any more",
    SINCE: "changed by somebody since",
    NO_LEAF: "the former group can't take devices any more",
    "there": "in this group already",
    "free": "in no group already",
    "tagged": "tagged so already",
    "untagged": "has no such tag",
    FULL: f"has {tags.MOST} tags already: remove one first",
    "model": "of this model already",
    "locked": "locked already",
    "unlocked": "not locked",
    "connected": "has connected already, so nothing is left to open",
    "endless": "never expires",
    "shut": "locked: unlock it first",
    "expired": "activation expired: open it again first",
    "elsewise": "gets its credentials in another way: a certificate, or by activating",
    "bare": "has no credential",
}


@dataclass(frozen=True)
class Params:
    """What an action needs to know besides the devices."""

    group: int = 0  # where to move
    keep: bool = False  # names, descriptions and tags, moving between two groups
    tag: str = ""
    value: str = ""
    model: int = 0
    at_once: bool = False  # whether the credentials so far die now, or when the new one is used first

    def as_json(self) -> dict[str, object]:
        return asdict(self)


class Share(NamedTuple):
    group: str
    number: int


@dataclass(frozen=True)
class Preview:
    """`reasons`: words -> how many devices stay as they are for it. `losing`: groups that devices would leave;
    `ending`: how many of these have credentials that would end."""

    total: int
    changing: int
    reasons: dict[str, int]
    losing: list[Share]
    ending: int
    digest: str

    @property
    def leaving(self) -> int:
        return sum(share.number for share in self.losing)


def judged(devices: DeviceQuerySet, kind: str, params: Params) -> DeviceQuerySet:
    """Annotates `verdict`: `change`, or the reason why not."""
    if kind in {Action.Kind.TAG, Action.Kind.UNTAG}:
        devices = devices.alias(tag_count=tags.Number(F("tags")))
    whens = [When(condition, then=Value(reason)) for reason, condition in _obstacles(kind, params)]
    annotations = {"verdict": Case(*whens, default=Value(CHANGE), output_field=CharField())}
    return devices.annotate(**annotations)


def preview(devices: DeviceQuerySet, kind: str, params: Params) -> Preview:
    """In one aggregate; the digest tells whether another asking meant the same devices in the same state."""
    spread = Sum(F("pk") * 2_654_435_761 % 2_147_483_647, output_field=BigIntegerField())
    grouped = judged(devices, kind, params).order_by().values("verdict", "group")  # type: ignore[misc]
    rows = sorted(grouped.annotate(n=Count("pk"), top=Max("pk"), spread=spread), key=str)
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["verdict"]] = counts.get(row["verdict"], 0) + row["n"]
    hands_over = kind in {Action.Kind.MOVE, Action.Kind.RELEASE}
    text = json.dumps([kind, params.as_json(), [list(row.values()) for row in rows]], default=str)
    return Preview(
        total=sum(counts.values()),
        changing=counts.get(CHANGE, 0),
        reasons={WORDS[code]: n for code, n in counts.items() if code != CHANGE},
        losing=_losing(rows) if hands_over else [],
        ending=_ending(judged(devices, kind, params)) if hands_over else 0,
        digest=hashlib.sha256(text.encode()).hexdigest()[:32],
    )


def _ending(devices: DeviceQuerySet) -> int:
    issued = Credential.objects.standing().filter(device=OuterRef("pk"), assignment__isnull=False)
    return devices.filter(Exists(issued), verdict=CHANGE).order_by().count()  # type: ignore[misc]


def _losing(rows: Iterable[dict[str, Any]]) -> list[Share]:
    """The groups that devices would leave, the largest first."""
    counts = {row["group"]: row["n"] for row in rows if row["verdict"] == CHANGE and row["group"]}
    names = dict(Group.objects.filter(pk__in=counts).values_list("pk", "name"))
    return sorted((Share(names[pk], n) for pk, n in counts.items()), key=lambda share: (-share.number, share.group))


def _obstacles(kind: str, params: Params) -> list[tuple[str, Q]]:
    kinds = RecipeVersion.CredentialKind
    live = Q(Exists(Credential.objects.filter(device=OuterRef("pk"), revoked_at=None)))
    locked = Q(locked_at__isnull=False)
    obstacles: dict[str, list[tuple[str, Q]]] = {
        Action.Kind.MOVE: [("there", Q(group=params.group))],
        Action.Kind.RELEASE: [("free", Q(group=None))],
        Action.Kind.TAG: [
            ("tagged", tags.having(params.tag, params.value)),
            (FULL, Q(tag_count__gte=tags.MOST) & ~tags.having(params.tag)),
        ],
        Action.Kind.UNTAG: [("untagged", ~tags.having(params.tag))],
        Action.Kind.MODEL: [("model", Q(model=params.model))],
        Action.Kind.LOCK: [("locked", locked)],
        Action.Kind.UNLOCK: [("unlocked", ~locked)],
        Action.Kind.REOPEN: [("connected", Q(activated_at__isnull=False)), ("endless", Q(expires_at=None))],
        Action.Kind.REVOKE: [("bare", ~live)],
        Action.Kind.REISSUE: [
            ("shut", locked),
            ("expired", Device.has_expired()),
            ("elsewise", ~Q(version__credential_kind=kinds.ACCESS_KEY)),
        ],
    }
    return obstacles[kind]
