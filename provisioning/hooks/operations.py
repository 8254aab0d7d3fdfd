"""Making, changing and ending hooks; and what an admin does where one did not take its message."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Exists, F, Max, OuterRef
from django.db.models.functions import Now

from devices import events
from devices.models import Event
from lib import names
from lib.outgoing.addresses import is_reachable, read_networks, read_target
from lib.refusals import Refusal
from provisioning.hooks import messages, refusals, results
from provisioning.models import Hook, HookCall, HookFeed, HookRun, is_free

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenants.models import Organisation, User

FIELDS = ("name", "url", "position", "tells")
MOST_HOOKS = 20
MOST_POSITION = 99
UNREACHABLE = (
    "This address is private or reserved, and hooks go to the Internet. Name another host, or ask the operator of this "
    "site to list its network (HOOK_NETWORKS)."
)
FORMER_KEPT = timedelta(hours=24)
"""How long messages are signed with the former secret, too."""
OPEN_CALLS = (HookCall.State.WAITING, HookCall.State.FAILED)


def create_hook(
    *,
    organisation: Organisation,
    name: str,
    url: str,
    by: User,
    position: int | None = None,
    tells: str = Hook.Tells.PLACEMENTS,
) -> tuple[Hook, str]:
    """Make a hook, after the others unless a `position` is given; return it with its secret, which is shown this once.
    It hears of what happens from now on. Raises Refusal and ValidationError."""
    secret, sealed = messages.make_secret()
    with transaction.atomic():
        HookFeed.objects.get_or_create(organisation=organisation)
        HookFeed.objects.select_for_update(no_key=True).get(organisation=organisation)
        working = Hook.objects.filter(organisation=organisation).working()
        if working.count() >= MOST_HOOKS:
            raise Refusal(refusals.HOOKS_TOO_MANY, most=MOST_HOOKS)
        last = working.aggregate(last=Max("position"))["last"] or 0
        hook = Hook(organisation=organisation, name=name, url=url, tells=tells, sealed=sealed, by=by)
        hook.position = min(last + 1, MOST_POSITION) if position is None else position
        _save(hook)
        _record(hook, by, "made")
    return hook, secret


def change_hook(*, hook: Hook, fields: Mapping[str, Any], by: User) -> bool:
    """Change what is given of `FIELDS`; return whether anything did. Raises Refusal and ValidationError."""
    with transaction.atomic():
        hook = _hold(hook)
        changed = [name for name in FIELDS if name in fields and getattr(hook, name) != fields[name]]
        for name in changed:
            setattr(hook, name, fields[name])
        if changed:
            _save(hook, update_fields=changed)
            words = {"url": "address", "position": "order", "tells": "what it is told"}
            _record(hook, by, "changed: " + ", ".join(words.get(name, name) for name in changed))
    return bool(changed)


def renew_secret(*, hook: Hook, by: User) -> str:
    """Make a new secret, and return it; the former one signs beside it for a day. Raises Refusal."""
    secret, sealed = messages.make_secret()
    with transaction.atomic():
        hook = _hold(hook)
        former = {"former_sealed": F("sealed"), "former_until": Now() + FORMER_KEPT}
        Hook.objects.filter(pk=hook.pk).update(sealed=sealed, **former)
        _record(hook, by, "new secret")
    return secret


def end_hook(*, hook: Hook, by: User) -> bool:
    """Tell it nothing more, for good; return whether this call did. What waited for it goes on to the next ones."""
    with transaction.atomic():
        if Hook.objects.filter(pk=hook.pk, ended_at=None).update(ended_at=Now()) != 1:
            return False
        waiting = HookCall.objects.filter(hook=hook, state__in=OPEN_CALLS, run__state__in=HookRun.OPEN)
        runs = list(waiting.filter(state=HookCall.State.FAILED).values_list("run", flat=True))
        before = HookCall.objects.filter(run=OuterRef("run"), position__lt=OuterRef("position"), state__in=OPEN_CALLS)
        its_turn = waiting.filter(~Exists(before))  # where another hook's is it, that one waits as long as it asked for
        HookRun.objects.filter(pk__in=its_turn.values("run"), state=HookRun.State.WAITING).update(due_at=Now())
        waiting.update(state=HookCall.State.SKIPPED, result=results.ENDED, status=None, finished_at=Now())
        _go_on(runs)
        _record(hook, by, "ended")
    return True


def repeat_call(*, call: HookCall, by: User) -> None:
    """Send the message again now, under the same id, and as often again as at first. Raises Refusal."""
    fresh = {"state": HookCall.State.WAITING, "attempts": 0, "result": "", "status": None}
    _settle(call, by, "repeated", fresh)


def skip_call(*, call: HookCall, by: User) -> None:
    """Go on without it: the next hook is told now. Raises Refusal."""
    skipped = {"state": HookCall.State.SKIPPED, "result": results.SKIPPED, "status": None, "finished_at": Now()}
    _settle(call, by, "skipped", skipped)


def repeat_failed(*, hook: Hook, by: User) -> int:
    """Send all that failed at this hook again; return how many."""
    with transaction.atomic():
        hook = _hold(hook)
        open_runs = HookRun.objects.filter(pk=OuterRef("run"), state=HookRun.State.FAILED)
        failed = HookCall.objects.filter(Exists(open_runs), hook=hook, state=HookCall.State.FAILED)
        runs = list(failed.values_list("run", flat=True))
        again = HookCall.objects.filter(run__in=runs, hook=hook, state=HookCall.State.FAILED)
        again.update(state=HookCall.State.WAITING, attempts=0, result="", status=None)
        if told := _go_on(runs):
            _record(hook, by, f"{told} repeated" if told > 1 else "1 repeated")
    return told


@transaction.atomic
def _settle(call: HookCall, by: User, act: str, fields: Mapping[str, Any]) -> None:
    """Write the fields of the call whose turn it is, and let its run go on. Raises Refusal."""
    held = HookRun.objects.filter(is_free(), pk=call.run_id, state__in=HookRun.OPEN, overtaken=False)
    if held.update(state=HookRun.State.WAITING, due_at=Now()) != 1:
        _refuse(call)
    before = HookCall.objects.filter(run=call.run_id, position__lt=call.position, state__in=OPEN_CALLS)
    if before.exists():
        raise Refusal(refusals.HOOK_NOT_ITS_TURN)
    if HookCall.objects.filter(pk=call.pk, state__in=OPEN_CALLS).update(**fields) != 1:
        raise Refusal(refusals.HOOK_CALL_OVER)
    _record(call.hook, by, act, serial=call.run.serial)


def _refuse(call: HookCall) -> None:
    run = HookRun.objects.filter(pk=call.run_id, state__in=HookRun.OPEN, overtaken=False)
    raise Refusal(refusals.HOOK_CALL_BUSY if run.exists() else refusals.HOOK_CALL_OVER)


def _go_on(runs: list[int]) -> int:
    """Have the runs called again now; return how many."""
    failed = HookRun.objects.filter(pk__in=runs, state=HookRun.State.FAILED)
    return failed.update(state=HookRun.State.WAITING, due_at=Now())


def _hold(hook: Hook) -> Hook:
    """Return the hook, locked. Raises Refusal if it was ended."""
    held = Hook.objects.select_for_update(no_key=True, of=("self",)).get(pk=hook.pk)
    if held.ended_at:
        raise Refusal(refusals.HOOK_ENDED)
    return held


def _save(hook: Hook, **how: Any) -> None:
    hook.name = names.clean_name(hook.name)
    if not 1 <= hook.position <= MOST_POSITION:
        raise ValidationError({"position": [f"Write a number from 1 to {MOST_POSITION}."]})
    try:
        target = read_target(hook.url)
    except ValidationError as error:
        raise ValidationError({"url": error.messages}) from None
    if not is_reachable(target.host, read_networks(settings.HOOK_NETWORKS)):
        raise ValidationError({"url": [UNREACHABLE]})
    try:
        with transaction.atomic():
            hook.save(**how)
    except IntegrityError:
        raise Refusal(refusals.HOOK_NAME_TAKEN, field="name") from None


def _record(hook: Hook, by: User, act: str, serial: str = "") -> None:
    told: dict[str, Any] = {
        "hook": str(hook.key),
        "name": hook.name,
        "act": act,
        **({"serial": serial} if serial else {}),
    }
    events.record(Event.Kind.HOOK_CHANGED, organisation=hook.organisation_id, by=by, **told)
