"""Doors are made, watched and ended by the admins of the whole organisation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from lib import origins, paging
from lib.decorators import redirect_unless_posted
from lib.refusal_pages import show_in_form
from provisioning.doors import door_log, operations
from provisioning.doors.access import get_door, get_door_key
from provisioning.doors.forms import DoorForm
from provisioning.doors.kinds import KINDS, get_kind
from provisioning.models import Door, DoorKey, DoorRefusal, DoorRegistration
from tenants.access import require_owner

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpResponse

    from tenants.access import SignedIn

SIZE = 50
KEYS = 100  # shown of a door, the newest; the API lists all


@require_safe
@login_required
@never_cache
def door_list(request: SignedIn) -> HttpResponse:
    doors = Door.objects.manageable_by(require_owner(request.user)).with_state().select_related("recipe", "group")
    page = paging.find_asked_page(doors, paging.NEWEST_FIRST, SIZE, request.GET.dict())
    kinds = [(name, label, KINDS[name]) for name, label in Door.Kind.choices if name in KINDS]
    return render(request, "provisioning/doors/doors.html", {"page": page, "kinds": kinds})


@require_safe
@login_required
@never_cache
def door(request: SignedIn, key: UUID) -> HttpResponse:
    chosen = get_door(request.user, key)
    kind = get_kind(chosen.kind)
    return show_door(request, chosen, kind.describe(chosen))


def show_door(request: SignedIn, chosen: Door, own: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """Show a door with what is its kind's `own`, for instance a form that was refused."""
    made, log = DoorRegistration.objects.of(chosen), door_log.read_log(chosen)
    context = {
        "door": chosen,
        "kind": get_kind(chosen.kind),
        "keys": DoorKey.objects.of(chosen).with_state()[:KEYS],
        "refusals": DoorRefusal.objects.of(chosen),
        "page": paging.find_asked_page(made, paging.NEWEST_FIRST, SIZE, request.GET.dict()),
        "log": log,
        "log_version": door_log.write_version(log),
        "origin": origins.get_site_origin(request),
    }
    return render(request, "provisioning/doors/door.html", context | own, status=status)


@require_safe
@login_required
def new(request: SignedIn, kind: str) -> HttpResponse:
    user = require_owner(request.user)
    form = DoorForm(user=user, initial={"admits": get_kind(kind).admits})
    return _page(request, kind, form, get_kind(kind).form(prefix="own"))


@login_required
@redirect_unless_posted(back="provisioning:door-new")
def create(request: SignedIn, kind: str) -> HttpResponse:
    user = require_owner(request.user)
    assert user.organisation is not None
    form, own = DoorForm(request.POST, user=user), get_kind(kind).form(request.POST, prefix="own")
    if not (form.is_valid() & own.is_valid()):
        return _page(request, kind, form, own, status=422)
    fields, prepare = form.policy | {"settings": own.settings}, get_kind(kind).prepare
    with show_in_form(form) as refused:
        made = operations.create_door(
            organisation=user.organisation, kind=kind, fields=fields, by=user, prepare=prepare
        )
    if refused:
        return _page(request, kind, form, own, status=refused.status)
    messages.success(request, f"{made} is open.")
    return redirect(made)


@require_safe
@login_required
def edit(request: SignedIn, key: UUID) -> HttpResponse:
    chosen = get_door(request.user, key)
    own = get_kind(chosen.kind).form(prefix="own", kept=chosen.settings)
    return _page(request, chosen.kind, DoorForm(user=request.user, door=chosen), own, chosen)


@login_required
@redirect_unless_posted(back="provisioning:door-edit")
def change(request: SignedIn, key: UUID) -> HttpResponse:
    chosen = get_door(request.user, key)
    form = DoorForm(request.POST, user=request.user, door=chosen)
    own = get_kind(chosen.kind).form(request.POST, prefix="own", kept=chosen.settings)
    if not (form.is_valid() & own.is_valid()):
        return _page(request, chosen.kind, form, own, chosen, status=422)
    fields = form.policy | ({"settings": own.settings} if own.changes else {})
    with show_in_form(form) as refused:
        operations.change_door(door=chosen, fields=fields, by=request.user)
    if refused:
        return _page(request, chosen.kind, form, own, chosen, status=refused.status)
    messages.success(request, "Saved. It holds from now on.")
    return redirect(chosen)


@login_required
@redirect_unless_posted(back="provisioning:door")
def end(request: SignedIn, key: UUID) -> HttpResponse:
    chosen = get_door(request.user, key)
    if operations.end_door(door=chosen, by=request.user):
        messages.success(request, f"{chosen} is ended: no device comes in by it any more. Those that did stay.")
    return redirect(chosen)


@login_required
def end_key(request: SignedIn, key: UUID, pk: int) -> HttpResponse:
    chosen = get_door_key(request.user, key, pk)
    if request.method == "POST" and operations.end_key(key=chosen, by=request.user):
        messages.success(request, f"{chosen} is ended: nothing comes in by it any more. What it made stays.")
    return redirect(chosen.door)


def _page(
    request: SignedIn, kind: str, form: DoorForm, own: Any, chosen: Door | None = None, *, status: int = 200
) -> HttpResponse:
    context = {"form": form, "own": own, "kind": get_kind(kind), "kind_name": kind, "door": chosen}
    context["label"] = Door.Kind(kind).label
    return render(request, "provisioning/doors/door_form.html", context, status=status)
