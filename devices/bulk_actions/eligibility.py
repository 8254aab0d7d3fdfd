"""What an action would do to each device: change it, or leave it as it is and why. Asked of the database."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import BigIntegerField, Case, CharField, Count, Exists, F, Max, OuterRef, Q, Sum, Value, When

from devices import tags
from devices.credentials.operations import MAX_AN_HOUR, MAX_LIVE
from devices.lifecycle import endings, persons, removal
from devices.models import BulkAction, Credential, Device, RecipeVersion, Tie
from devices.recipes.operations import Line
from devices.ties.operations import MOST_DEVICES, MOST_GATEWAYS
from tenants.models import Group, User, under

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from devices.models import Attribute, DeviceQuerySet

CHANGE, NOT_YOURS, SINCE, NO_LEAF, FULL, ENOUGH = "change", "not-yours", "since", "no-leaf", "full", "enough"
RETIRED, NOBODY, WAITING = "retired", "nobody", "waiting"
APART, CROWDED, OUTSIDER = "apart", "crowded", "outsider"
OF_RETIRED = {BulkAction.Kind.RESTORE, BulkAction.Kind.FREE, BulkAction.Kind.REMOVE}
WORDS = {
    CHANGE: "changed",
    NOT_YOURS: "not yours to manage any more",
    SINCE: "changed by somebody since",
    NOBODY: "whose it was has no role in that group any more, or may be given no device",
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
    RETIRED: "retired: bring it back first",
    "active": "not retired",
    "freed": "its serial was given free",
    "other": "made from another recipe",
    "current": "of this version already",
    "unable": "takes no such command, or not with this payload",
    WAITING: "has too many commands that wait",
    "itself": "is this gateway itself",
    APART: "in another place than its gateway, which has to be in the same group, and the same person's",
    "tied": "tied to this gateway already",
    "alone": "not tied to this gateway",
    CROWDED: f"has {MOST_GATEWAYS} gateways already, or its gateway speaks for {MOST_DEVICES} devices",
    "homeless": "in no group, and so can be nobody's",
    "theirs": "this person's already, or already everybody's of its group",
    OUTSIDER: "in a group where this person has no role, or may have no device",
    "archived": "in a group that is archived",
    **{cause: f"{words}: retire it instead" for cause, words in removal.WORDS.items()},
    ENOUGH: f"has {MAX_LIVE} working credentials already, or got {MAX_AN_HOUR} within an hour",
}


@dataclass(frozen=True)
class Params:
    """Hold what an action needs to know besides the devices."""

    group: int = 0  # where to move
    keep: bool = False  # names, descriptions and tags, moving between two groups
    tag: str = ""
    value: str = ""
    model: int = 0
    version: int = 0  # of a recipe
    command: str = ""
    payload: Any = None
    versions: Sequence[int] = ()  # of recipes, whose devices take the command with this payload
    at_once: bool = False  # whether the credentials so far die now, or when the new one is used first
    gateway: str = ""  # its serial
    speaker: int = 0  # the gateway's primary key
    person: int = 0  # whose they become within their groups; 0: everybody's of those

    def as_json(self) -> dict[str, object]:
        return asdict(self)


class Share(NamedTuple):
    group: str
    number: int


UNTYING = {BulkAction.Kind.MOVE, BulkAction.Kind.RELEASE, BulkAction.Kind.RETIRE, BulkAction.Kind.PERSON}
"""Kinds of actions that end ties."""


@dataclass(frozen=True)
class Preview:
    """Tell what an action would do.

    `reasons`: words -> how many devices stay as they are for it. `losing`: groups that devices would leave; `ending`:
    how many of these have credentials that would end. `effects`: what changes besides, in words.
    """

    total: int
    changing: int
    reasons: dict[str, int]
    losing: list[Share]
    ending: int
    digest: str
    effects: list[str] = field(default_factory=list)

    @property
    def leaving(self) -> int:
        return sum(share.number for share in self.losing)

    @property
    def ending_words(self) -> str:
        return endings.describe_ending(self.ending)


def annotate_verdicts(devices: DeviceQuerySet, kind: str, params: Params) -> DeviceQuerySet:
    """Set `verdict` of each device: `change`, or the reason why not."""
    if kind in {BulkAction.Kind.TAG, BulkAction.Kind.UNTAG}:
        devices = devices.alias(tag_count=tags.Number(F("tags")))
    whens = [When(condition, then=Value(reason)) for reason, condition in _list_obstacles(kind, params)]
    annotations = {"verdict": Case(*whens, default=Value(CHANGE), output_field=CharField())}
    return devices.annotate(**annotations)


def preview(devices: DeviceQuerySet, kind: str, params: Params) -> Preview:
    """Count in one aggregate; the digest tells whether another asking meant the same devices in the same state."""
    spread = Sum(F("pk") * 2_654_435_761 % 2_147_483_647, output_field=BigIntegerField())
    grouped = annotate_verdicts(devices, kind, params).order_by().values("verdict", "group")  # type: ignore[misc]
    rows = sorted(grouped.annotate(n=Count("pk"), top=Max("pk"), spread=spread), key=str)
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["verdict"]] = counts.get(row["verdict"], 0) + row["n"]
    hands_over = kind in {BulkAction.Kind.MOVE, BulkAction.Kind.RELEASE}
    text = json.dumps([kind, params.as_json(), [list(row.values()) for row in rows]], default=str)
    return Preview(
        total=sum(counts.values()),
        changing=counts.get(CHANGE, 0),
        reasons={WORDS[code]: n for code, n in counts.items() if code != CHANGE},
        losing=_list_losing(rows) if hands_over else [],
        ending=endings.count_ending(_list_changing(devices, kind, params)) if hands_over else 0,
        digest=hashlib.sha256(text.encode()).hexdigest()[:32],
        effects=_list_effects(_list_changing(devices, kind, params), kind, params),
    )


def _list_changing(devices: DeviceQuerySet, kind: str, params: Params) -> DeviceQuerySet:
    return annotate_verdicts(devices, kind, params).filter(verdict=CHANGE)  # type: ignore[misc]


def _list_effects(changing: DeviceQuerySet, kind: str, params: Params) -> list[str]:
    versions = _compare_versions(changing, params.version) if params.version else []
    room = _tell_room(changing, params) if kind == BulkAction.Kind.TIE else []
    ending = endings.tell_ending(changing) if kind == BulkAction.Kind.PERSON else []
    return [*versions, *room, *ending, *(endings.tell_ties(changing) if kind in UNTYING else [])]


def _tell_room(changing: DeviceQuerySet, params: Params) -> list[str]:
    """Say for how many more devices the gateway may speak, where that is fewer than there are."""
    room = MOST_DEVICES - Tie.objects.standing().filter(gateway=params.speaker).count()
    if changing.order_by().count() <= room:
        return []
    return [f"The gateway may speak for {room:,} more: the others stay as they are."]


def _compare_versions(changing: DeviceQuerySet, new: int) -> list[str]:
    """Say for each version that devices would leave which attributes come and go."""
    numbers = changing.order_by().values("version")
    counts = dict(numbers.annotate(n=Count("pk")).values_list("version", "n"))
    versions = RecipeVersion.objects.filter(pk__in=[*counts, new]).prefetch_related("attributes")
    declared = {version.pk: {each.name: each for each in version.attributes.all()} for version in versions}
    words = []
    for version in sorted((version for version in versions if version.pk != new), key=lambda each: each.number):
        before, after = declared[version.pk], declared[new]
        changed = [name for name in before.keys() & after.keys() if _differ(before[name], after[name])]
        parts = {"new": after.keys() - before.keys(), "gone": before.keys() - after.keys(), "changed": changed}
        said = "; ".join(f"{word}: {', '.join(sorted(names))}" for word, names in parts.items() if names)
        who = "1 device has" if counts[version.pk] == 1 else f"{counts[version.pk]:,} devices have"
        said = said or "the attributes stay the same"
        words.append(f"{who} version {version.number}. {said[0].upper()}{said[1:]}.")
    return words


def _differ(one: Attribute, other: Attribute) -> bool:
    return any(getattr(one, part.name) != getattr(other, part.name) for part in fields(Line))


def _list_losing(rows: Iterable[dict[str, Any]]) -> list[Share]:
    """Return the groups that devices would leave, the largest first."""
    counts = {row["group"]: row["n"] for row in rows if row["verdict"] == CHANGE and row["group"]}
    names = dict(Group.objects.filter(pk__in=counts).values_list("pk", "name"))
    return sorted((Share(names[pk], n) for pk, n in counts.items()), key=lambda share: (-share.number, share.group))


def _list_obstacles(kind: str, params: Params) -> list[tuple[str, Q]]:
    kinds = RecipeVersion.CredentialKind
    live = Q(Exists(Credential.objects.filter(device=OuterRef("pk"), revoked_at=None)))
    locked = Q(locked_at__isnull=False)
    active, freed = Q(retired_at=None), ~Q(former_serial="")
    if kind in OF_PLACES:
        return [(RETIRED, ~active), *OF_PLACES[kind](params)]
    recipe = RecipeVersion.objects.filter(pk=params.version).values("recipe")
    obstacles: dict[str, list[tuple[str, Q]]] = {
        BulkAction.Kind.MOVE: [("there", Q(group=params.group))],
        BulkAction.Kind.RELEASE: [("free", Q(group=None))],
        BulkAction.Kind.TAG: [
            ("tagged", tags.match_tag(params.tag, params.value)),
            (FULL, Q(tag_count__gte=tags.MOST) & ~tags.match_tag(params.tag)),
        ],
        BulkAction.Kind.UNTAG: [("untagged", ~tags.match_tag(params.tag))],
        BulkAction.Kind.MODEL: [("model", Q(model=params.model))],
        BulkAction.Kind.LOCK: [("locked", locked)],
        BulkAction.Kind.UNLOCK: [("unlocked", ~locked)],
        BulkAction.Kind.REOPEN: [("connected", Q(activated_at__isnull=False)), ("endless", Q(expires_at=None))],
        BulkAction.Kind.REVOKE: [("bare", ~live)],
        BulkAction.Kind.CHANGE: [],  # each is told by its own values: devices.bulk_actions.file_changes
        BulkAction.Kind.REISSUE: [
            ("shut", locked),
            ("expired", Device.has_expired()),
            ("elsewise", ~Q(version__credential_kind=kinds.ACCESS_KEY)),
        ],
        BulkAction.Kind.RETIRE: [],
        BulkAction.Kind.COMMAND: [
            ("shut", locked),
            ("expired", Device.has_expired()),
            ("unable", ~Q(version__in=params.versions)),
        ],
        BulkAction.Kind.RESTORE: [
            ("active", active),
            ("freed", freed),
            (NO_LEAF, Q(group__numchild__gt=0) | Q(group__archived_at__isnull=False)),
        ],
        BulkAction.Kind.FREE: [("active", active), ("freed", freed)],
        BulkAction.Kind.REMOVE: removal.list_obstacles(),
        BulkAction.Kind.RECIPE: [("other", ~Q(version__recipe__in=recipe)), ("current", Q(version=params.version))],
    }
    return obstacles[kind] if kind in OF_RETIRED else [(RETIRED, ~active), *obstacles[kind]]


def _list_tie_obstacles(params: Params) -> list[tuple[str, Q]]:
    gateway = Device.objects.filter(pk=params.speaker, retired_at=None).first()
    if gateway is None:
        return [(APART, ~Q(pk=None))]
    through = Tie.objects.standing().filter(device=OuterRef("pk"))
    number = through.order_by().values("device").annotate(n=Count("pk")).values("n")
    here = Q(organisation=gateway.organisation_id, group=gateway.group_id, person=gateway.person_id)
    return [
        ("itself", Q(pk=gateway.pk)),
        (APART, ~here),
        ("tied", Q(Exists(through.filter(gateway=gateway)))),
        (CROWDED, Q(Exists(number.filter(n__gte=MOST_GATEWAYS)))),
    ]


def _list_untie_obstacles(params: Params) -> list[tuple[str, Q]]:
    through = Tie.objects.standing().filter(device=OuterRef("pk"))
    return [("alone", ~Q(Exists(through.filter(gateway=params.speaker) if params.speaker else through)))]


def _list_person_obstacles(params: Params) -> list[tuple[str, Q]]:
    nobody: list[tuple[str, Q]] = [("homeless", Q(group=None)), ("archived", Q(group__archived_at__isnull=False))]
    if not params.person:
        return [*nobody, ("theirs", Q(person=None))]
    there = User.objects.filter(pk=params.person).values_list("organisation", flat=True).first() or 0
    paths = persons.find_reach([params.person], organisation=there).get(params.person, [])
    reached = Q(organisation=there, group__in=Group.objects.filter(under(paths)))
    return [*nobody, ("theirs", Q(person=params.person)), (OUTSIDER, ~reached)]


OF_PLACES: dict[str, Callable[[Params], list[tuple[str, Q]]]] = {
    BulkAction.Kind.TIE: _list_tie_obstacles,
    BulkAction.Kind.UNTIE: _list_untie_obstacles,
    BulkAction.Kind.PERSON: _list_person_obstacles,
}
