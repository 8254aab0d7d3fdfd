"""The tree editor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from lib import parsing
from tenants import picker, tree
from tenants.access import get_group, require_admin
from tenants.groups import move_preview, operations
from tenants.groups.forms import NameForm
from tenants.models import Invitation, Role
from tenants.people import listing as people_listing
from tenants.posted import posted

if TYPE_CHECKING:
    from django.http import HttpResponse

    from tenants.access import SignedIn
    from tenants.models import Group


@require_safe
@login_required
def groups(request: SignedIn) -> HttpResponse:
    user, text = require_admin(request.user), parsing.sought(request.GET.get("q", ""))
    found = tree.search(user, text) if text else None
    tops, first = ([], None) if text else tree.opening(user)
    return render(request, "tenants/groups/groups.html", {"q": text, "found": found, "tops": tops, "first": first})


@require_safe
@login_required
def children(request: SignedIn, pk: int) -> HttpResponse:
    """What the tree shows below one group, fetched when it is opened."""
    parent = get_group(request.user, pk, role=Role.ADMIN)
    page = tree.children(request.user, parent, skip=parsing.whole(request.GET.get("skip", "")))
    return render(request, "tenants/groups/_children.html", {"page": page, "parent": parent})


@require_safe
@login_required
def choices(request: SignedIn) -> HttpResponse:
    """What a field that asks for a group finds."""
    scope = picker.SCOPES.get(request.GET.get("among", ""))
    if scope is None:
        raise Http404
    text = parsing.sought(request.GET.get("q", ""))
    rows = picker.named(request.user, picker.search(request.user, scope(request.user), text))
    return render(request, "tenants/groups/_choices.html", {"rows": rows})


@require_safe
@login_required
def group(request: SignedIn, pk: int) -> HttpResponse:
    return _group(request, get_group(request.user, pk, role=Role.ADMIN))


def _group(
    request: SignedIn, found: Group, *, new: NameForm | None = None, name: NameForm | None = None, status: int = 200
) -> HttpResponse:
    user = request.user
    context = {
        "group": found,
        "lineage": tree.lineage(user, found),
        "page": tree.children(user, found, skip=parsing.whole(request.GET.get("skip", ""))),
        "members": people_listing.members(user, found),
        "invitations": Invitation.objects.manageable_by(user).waiting().filter(group=found),
        "obstacles": operations.obstacles(found),
        "unfit": move_preview.unfit(found),
        "beyond": {act: operations.beyond(user, found, act) for act in ("move", "restore", "delete")},
        "new": new or NameForm(prefix="new"),
        "rename": name or NameForm(prefix="rename", initial={"name": found.name}),
    }
    return render(request, "tenants/groups/group.html", context, status=status)


@login_required
@posted(back="tenants:group")
def create(request: SignedIn, pk: int) -> HttpResponse:
    parent, form = get_group(request.user, pk, role=Role.ADMIN), NameForm(request.POST, prefix="new")
    if not form.is_valid():
        return _group(request, parent, new=form, status=422)
    try:
        made = operations.create(parent=parent, name=form.cleaned_data["name"], by=request.user)
    except ValidationError as error:
        form.add_error("name", error)
        return _group(request, parent, new=form, status=409)
    messages.success(request, f"{made} is there. Invite its people, or add groups below it.")
    return redirect("tenants:group", pk=made.pk)


@login_required
@posted(back="tenants:group")
def rename(request: SignedIn, pk: int) -> HttpResponse:
    found, form = get_group(request.user, pk, role=Role.ADMIN), NameForm(request.POST, prefix="rename")
    if not form.is_valid():
        return _group(request, found, name=form, status=422)
    try:
        operations.rename(group=found, name=form.cleaned_data["name"], by=request.user)
    except ValidationError as error:
        form.add_error("name", error)
        return _group(request, get_group(request.user, pk, role=Role.ADMIN), name=form, status=409)
    messages.success(request, f"The group is called {form.cleaned_data['name']} now.")
    return redirect("tenants:group", pk=pk)


@require_safe
@login_required
def move(request: SignedIn, pk: int) -> HttpResponse:
    """Choose where to; with `to`, what the move would change."""
    found = get_group(request.user, pk, role=Role.ADMIN)
    if request.GET.get("to"):
        return _preview(request, found, get_group(request.user, request.GET["to"], role=Role.ADMIN))
    text = parsing.sought(request.GET.get("q", ""))
    why = operations.beyond(request.user, found, "move")
    targets = [] if why else move_preview.targets(request.user, found, text)[: picker.FOUND]
    rows = picker.named(request.user, targets, Role.ADMIN)
    context = {
        "why": why,
        "group": found,
        "lineage": tree.lineage(request.user, found),
        "rows": rows,
        "q": text,
        "shown": picker.FOUND,
    }
    return render(request, "tenants/groups/move.html", context)


def _preview(request: SignedIn, found: Group, to: Group, *, error: str = "", status: int = 200) -> HttpResponse:
    why = operations.beyond(request.user, found, "move") or move_preview.refusal(found, to)
    context = {
        "group": found,
        "to": to,
        "lineage": tree.lineage(request.user, found),
        "target_lineage": tree.lineage(request.user, to),
        "preview": None if why else move_preview.preview(found, to),
        "why": why,
        "error": error,
        "known": people_listing.known(request.user, found, to),
    }
    return render(request, "tenants/groups/move_preview.html", context, status=status)


@login_required
@posted(back="tenants:group-move")
def move_confirm(request: SignedIn, pk: int) -> HttpResponse:
    found = get_group(request.user, pk, role=Role.ADMIN)
    to = get_group(request.user, request.POST.get("to", ""), role=Role.ADMIN)
    try:
        operations.move(group=found, to=to, by=request.user, seen=request.POST.get("seen", ""))
    except ValidationError as error:
        now = [get_group(request.user, each.pk, role=Role.ADMIN) for each in (found, to)]
        return _preview(request, *now, error=" ".join(error.messages), status=409)
    messages.success(request, f"{found} is now in {to}.")
    return redirect("tenants:group", pk=pk)


@login_required
@posted(back="tenants:group")
def archive(request: SignedIn, pk: int) -> HttpResponse:
    found = get_group(request.user, pk, role=Role.ADMIN)
    try:
        operations.archive(group=found, by=request.user)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, f"{found} is archived: nobody is offered it any more, and its history stays.")
    return redirect("tenants:group", pk=pk)


@login_required
@posted(back="tenants:group")
def restore(request: SignedIn, pk: int) -> HttpResponse:
    found = get_group(request.user, pk, role=Role.ADMIN)
    try:
        operations.restore(group=found, by=request.user)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, f"{found} is back.")
    return redirect("tenants:group", pk=pk)


@login_required
@posted(back="tenants:group")
def delete(request: SignedIn, pk: int) -> HttpResponse:
    found = get_group(request.user, pk, role=Role.ADMIN)
    try:
        operations.delete(group=found, by=request.user)
    except ValidationError as error:
        messages.error(request, f"{found} was not deleted. {' '.join(error.messages)}")
        return redirect("tenants:group", pk=pk)
    messages.success(request, f"{found} is deleted.")
    return redirect("tenants:groups")
