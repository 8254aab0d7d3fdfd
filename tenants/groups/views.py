"""The tree editor."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from lib import parsing
from lib.decorators import redirect_unless_posted
from lib.refusal_pages import remember_page, show_in_form
from tenants import picker, tree
from tenants.access import get_group, require_admin
from tenants.groups import archive_effects, move_preview, operations
from tenants.groups.forms import NameForm
from tenants.models import Invitation, Role
from tenants.people import listing as people_listing

if TYPE_CHECKING:
    from django.http import HttpResponse, QueryDict

    from tenants.access import SignedIn
    from tenants.models import Group


@require_safe
@login_required
def groups(request: SignedIn) -> HttpResponse:
    user, text = require_admin(request.user), parsing.clean_search_text(request.GET.get("q", ""))
    found = tree.search_groups(user, text) if text else None
    tops, first = ([], None) if text else tree.open_tree(user)
    return render(request, "tenants/groups/groups.html", {"q": text, "found": found, "tops": tops, "first": first})


@require_safe
@login_required
def children(request: SignedIn, pk: int) -> HttpResponse:
    """Show what lies below one group, fetched when it is opened in the tree."""
    parent = get_group(request.user, pk, role=Role.ADMIN)
    page = tree.list_children(request.user, parent, skip=parsing.parse_whole_number(request.GET.get("skip", "")))
    return render(request, "tenants/groups/_children.html", {"page": page, "parent": parent})


@require_safe
@login_required
def choices(request: SignedIn) -> HttpResponse:
    """Show what a field that asks for a group finds."""
    scope = picker.SCOPES.get(request.GET.get("among", ""))
    if scope is None:
        raise Http404
    text = parsing.clean_search_text(request.GET.get("q", ""))
    rows = picker.name_groups(request.user, picker.search_scope(request.user, scope(request.user), text))
    return render(request, "tenants/groups/_choices.html", {"rows": rows})


@require_safe
@login_required
def show_group(request: SignedIn, pk: int) -> HttpResponse:
    return _render_group(request, get_group(request.user, pk, role=Role.ADMIN))


def _render_group(
    request: SignedIn, group: Group, *, new: NameForm | None = None, name: NameForm | None = None, status: int = 200
) -> HttpResponse:
    user = request.user
    context = {
        "group": group,
        "lineage": tree.lineage(user, group),
        "page": tree.list_children(user, group, skip=parsing.parse_whole_number(request.GET.get("skip", ""))),
        "members": people_listing.list_members(user, group),
        "invitations": Invitation.objects.manageable_by(user).waiting().filter(group=group),
        "obstacles": operations.list_obstacles(group),
        "unfit": move_preview.explain_unfit(group),
        "beyond": {act: operations.explain_beyond(user, group, act) for act in ("move", "restore", "delete")},
        "archiving": archive_effects.foresee_archive(group),
        "new": new or NameForm(prefix="new"),
        "rename": name or _make_rename_form(group),
    }
    return render(request, "tenants/groups/group.html", context, status=status)


def _make_rename_form(group: Group, data: QueryDict | None = None) -> NameForm:
    return NameForm(data, prefix="rename", stored={"name": group.name})


@login_required
@redirect_unless_posted(back="tenants:group")
def create(request: SignedIn, pk: int) -> HttpResponse:
    parent, form = get_group(request.user, pk, role=Role.ADMIN), NameForm(request.POST, prefix="new")
    if not form.is_valid():
        return _render_group(request, parent, new=form, status=422)
    with show_in_form(form, at="name") as refused:
        group = operations.create(parent=parent, name=form.cleaned_data["name"], by=request.user)
    if refused:
        return _render_group(request, parent, new=form, status=refused.status)
    messages.success(request, f"{group} is there. Invite its people, or add groups below it.")
    return redirect("tenants:group", pk=group.pk)


@login_required
@redirect_unless_posted(back="tenants:group")
def rename(request: SignedIn, pk: int) -> HttpResponse:
    group = get_group(request.user, pk, role=Role.ADMIN)
    form = _make_rename_form(group, request.POST)
    if not form.is_valid():
        return _render_group(request, group, name=form, status=422)
    with show_in_form(form, at="name") as refused:
        operations.rename(group=group, name=form.cleaned_data["name"], by=request.user)
    if refused:
        return _render_group(request, get_group(request.user, pk, role=Role.ADMIN), name=form, status=refused.status)
    messages.success(request, f"The group is called {form.cleaned_data['name']} now.")
    return redirect("tenants:group", pk=pk)


@require_safe
@login_required
def move(request: SignedIn, pk: int) -> HttpResponse:
    """Choose where to; with `to`, what the move would change."""
    group = get_group(request.user, pk, role=Role.ADMIN)
    if request.GET.get("to"):
        return _preview(request, group, get_group(request.user, request.GET["to"], role=Role.ADMIN))
    text = parsing.clean_search_text(request.GET.get("q", ""))
    why = operations.explain_beyond(request.user, group, "move")
    targets = [] if why else move_preview.find_targets(request.user, group, text)[: picker.FOUND]
    rows = picker.name_groups(request.user, targets, Role.ADMIN)
    context = {
        "why": why,
        "group": group,
        "lineage": tree.lineage(request.user, group),
        "rows": rows,
        "q": text,
        "shown": picker.FOUND,
    }
    return render(request, "tenants/groups/move.html", context)


def _preview(request: SignedIn, group: Group, to: Group) -> HttpResponse:
    why = operations.explain_beyond(request.user, group, "move") or move_preview.explain_refusal(group, to)
    context = {
        "group": group,
        "to": to,
        "lineage": tree.lineage(request.user, group),
        "target_lineage": tree.lineage(request.user, to),
        "preview": None if why else move_preview.preview_move(group, to),
        "why": why,
        "known": people_listing.find_known_ids(request.user, group, to),
    }
    return render(request, "tenants/groups/move_preview.html", context)


@login_required
@redirect_unless_posted(back="tenants:group-move")
def move_confirm(request: SignedIn, pk: int) -> HttpResponse:
    group = get_group(request.user, pk, role=Role.ADMIN)
    to = get_group(request.user, request.POST.get("to", ""), role=Role.ADMIN)
    remember_page(request, f"{reverse('tenants:group-move', kwargs={'pk': pk})}?{urlencode({'to': to.pk})}")
    operations.move(group=group, to=to, by=request.user, seen=request.POST.get("seen", ""))
    messages.success(request, f"{group} is now in {to}.")
    return redirect("tenants:group", pk=pk)


@login_required
@redirect_unless_posted(back="tenants:group")
def archive(request: SignedIn, pk: int) -> HttpResponse:
    group = get_group(request.user, pk, role=Role.ADMIN)
    operations.archive(group=group, by=request.user)
    messages.success(request, f"{group} is archived: nobody is offered it any more, and its history stays.")
    return redirect("tenants:group", pk=pk)


@login_required
@redirect_unless_posted(back="tenants:group")
def restore(request: SignedIn, pk: int) -> HttpResponse:
    group = get_group(request.user, pk, role=Role.ADMIN)
    operations.restore(group=group, by=request.user)
    messages.success(request, f"{group} is back.")
    return redirect("tenants:group", pk=pk)


@login_required
@redirect_unless_posted(back="tenants:group")
def delete(request: SignedIn, pk: int) -> HttpResponse:
    group = get_group(request.user, pk, role=Role.ADMIN)
    operations.delete(group=group, by=request.user)
    messages.success(request, f"{group} is deleted.")
    return redirect("tenants:groups")
