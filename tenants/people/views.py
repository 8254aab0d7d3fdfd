"""Who is in the organisation, and what they may do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from lib import parsing
from lib.decorators import redirect_unless_posted
from tenants import picker, tree
from tenants.access import get_group, get_membership, get_person, require_admin, require_owner
from tenants.models import Group, Invitation, Role, User
from tenants.people import listing as people_listing
from tenants.people import operations as people
from tenants.people import reach
from tenants.people.forms import RoleForm

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpResponse, QueryDict

    from tenants.access import SignedIn
    from tenants.models import Membership


@require_safe
@login_required
def list_people(request: SignedIn) -> HttpResponse:
    user, query = require_admin(request.user), request.GET
    group = get_group(user, query["group"], role=Role.ADMIN) if query.get("group") else None
    text = parsing.clean_search_text(query.get("q", ""))
    page = people_listing.page_people(user, query.dict(), text=text, group=group)
    invited = Invitation.objects.manageable_by(user).waiting().select_related("group", "by")
    if text:
        invited = invited.filter(email__icontains=text)
    if group:
        invited = invited.filter(group__path__startswith=group.path)
    context = {"page": page, "q": text, "group": group, "invited": invited[: people_listing.SIZE]}
    return render(request, "tenants/people/people.html", context)


@require_safe
@login_required
def invite_where(request: SignedIn) -> HttpResponse:
    """Choose the group into which somebody is invited."""
    user, text = require_admin(request.user), parsing.clean_search_text(request.GET.get("q", ""))
    groups = Group.objects.manageable_by(user).filter(archived_at=None, name__icontains=text)
    rows = picker.name_groups(user, groups[: picker.FOUND], Role.ADMIN)
    return render(request, "tenants/people/invite_where.html", {"rows": rows, "q": text, "shown": picker.FOUND})


@require_safe
@login_required
def person(request: SignedIn, pk: int) -> HttpResponse:
    get_person(request.user, pk)
    return _show_person(request, pk)


def _show_person(request: SignedIn, pk: int, *, refused: tuple[int, RoleForm] | None = None) -> HttpResponse:
    """Show a person; `refused` is the form for one of their memberships, by its key."""
    who = people_listing.add_details(request.user, User.objects.manageable_by(request.user)).get(pk=pk)
    held = list(who.memberships.all())
    paths = [row.group.path for row in held]
    *returning, all_returning = reach.foresee_loss(who, [*([path] for path in paths), paths])
    sent = dict([refused] if refused else [])
    forms = [sent.get(row.pk) or _make_role_form(row) for row in held]
    context = {
        "person": who,
        "rows": list(zip(held, forms, returning, strict=True)),
        "trails": tree.trails(request.user, [row.group for row in held]),
        "myself": who.pk == request.user.pk,
        "returning": all_returning,
    }
    return render(request, "tenants/people/person.html", context, status=422 if refused else 200)


def _make_role_form(membership: Membership, data: QueryDict | None = None) -> RoleForm:
    return RoleForm(data, stored={"role": membership.role}, auto_id=f"role-{membership.pk}-%s")


@login_required
@redirect_unless_posted(back="tenants:person")
def change_role(request: SignedIn, pk: int) -> HttpResponse:
    who = get_person(request.user, pk)
    membership = get_membership(request.user, who, request.POST.get("membership", ""))
    form = _make_role_form(membership, request.POST)
    if not form.is_valid():
        return _show_person(request, pk, refused=(membership.pk, form))
    new_role = form.cleaned_data["role"]
    if new_role == membership.role:
        return redirect("tenants:person", pk=pk)
    message = f"{who} is {new_role.label} of {membership.group} now."
    return _carry_out(
        request, who, message, lambda: people.change_role(membership=membership, role=new_role, by=request.user)
    )


@login_required
@redirect_unless_posted(back="tenants:person")
def remove_role(request: SignedIn, pk: int) -> HttpResponse:
    who = get_person(request.user, pk)
    membership = get_membership(request.user, who, request.POST.get("membership", ""))
    message = f"{who} is no longer in {membership.group}."
    return _carry_out(request, who, message, lambda: people.remove(membership=membership, by=request.user))


@login_required
@redirect_unless_posted(back="tenants:person")
def set_active(request: SignedIn, pk: int) -> HttpResponse:
    owner = require_owner(request.user)
    who, active = get_person(owner, pk), request.POST.get("active") == "1"
    message = f"{who} may sign in again." if active else f"{who} is disabled, and signed out everywhere."
    return _carry_out(request, who, message, lambda: people.set_active(user=who, active=active, by=owner))


@login_required
@redirect_unless_posted(back="tenants:person")
def expel(request: SignedIn, pk: int) -> HttpResponse:
    owner = require_owner(request.user)
    who = get_person(owner, pk)
    message = f"{who} is no longer in the organisation."
    return _carry_out(request, who, message, lambda: people.expel(user=who, by=owner))


def _carry_out(request: SignedIn, who: User, message: str, operation: Callable[[], None]) -> HttpResponse:
    """Do the operation, and lead to the person's page while the admin still sees it, else to the list."""
    operation()
    messages.success(request, message)
    del request.user.grants  # they may have been one's own
    if User.objects.manageable_by(request.user).filter(pk=who.pk).exists():
        return redirect("tenants:person", pk=who.pk)
    return redirect("tenants:people")
