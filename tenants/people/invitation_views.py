"""Inviting, and being invited. The link's token goes no further than the first address: the rest is the session's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allauth.account.utils import perform_login
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_safe

from lib import origins
from tenants import tree
from tenants.access import get_group, get_invitation
from tenants.models import Group, Invitation, Role, User
from tenants.models.invitation import hashed
from tenants.people import invitations
from tenants.people.forms import InviteForm, JoinForm
from tenants.people.invitations import find, has_account
from tenants.posted import posted

if TYPE_CHECKING:
    from django.http import HttpRequest

    from tenants.access import SignedIn

HELD = "invitation"  # in the session: the hash of the token that the visitor came with


@require_safe
@login_required
def invite(request: SignedIn, pk: int) -> HttpResponse:
    group = get_group(request.user, pk, role=Role.ADMIN)
    initial = {"email": request.GET.get("email", ""), "role": Role.VIEWER}
    return _invite(request, group, InviteForm(initial=initial, user=request.user, group=group))


def _invite(request: SignedIn, group: Group, form: InviteForm, status: int = 200) -> HttpResponse:
    context = {"group": group, "lineage": tree.lineage(request.user, group), "form": form}
    return render(request, "tenants/people/invite.html", context, status=status)


@login_required
@posted(back="tenants:invite")
def send(request: SignedIn, pk: int) -> HttpResponse:
    group = get_group(request.user, pk, role=Role.ADMIN)
    form = InviteForm(request.POST, user=request.user, group=group)
    if not form.is_valid():
        return _invite(request, group, form, status=422)
    try:
        invitation = invitations.invite(group=group, by=request.user, site=origins.named(request), **form.cleaned_data)
    except ValidationError as error:
        form.add_error(None, error)
        return _invite(request, group, form, status=409)
    _tell(request, invitation)
    return redirect("tenants:group", pk=pk)


@login_required
@posted(back="tenants:people")
def again(request: SignedIn) -> HttpResponse:
    """A new link by a new e-mail; the one before works no longer."""
    old = get_invitation(request.user, request.POST.get("invitation", ""))
    try:
        invitation = invitations.invite(
            email=old.email, group=old.group, role=Role(old.role), by=request.user, site=origins.named(request)
        )
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        _tell(request, invitation)
    return redirect("tenants:people")


@login_required
@posted(back="tenants:people")
def withdraw(request: SignedIn) -> HttpResponse:
    invitation = get_invitation(request.user, request.POST.get("invitation", ""))
    try:
        invitations.withdraw(invitation=invitation, by=request.user)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, f"The invitation of {invitation.email} is withdrawn; its link works no longer.")
    return redirect("tenants:people")


def _tell(request: HttpRequest, invitation: Invitation) -> None:
    if invitation.sent_at:
        messages.success(request, f"An invitation is on its way to {invitation.email}. It is valid for seven days.")
    else:
        messages.error(
            request,
            f"{invitation.email} is invited, but the mail server did not take the message. "
            "Send it again in a moment, from People.",
        )


@require_safe
@never_cache
@sensitive_variables("token")
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Where the e-mail leads: the token leaves the address at once, and nothing is accepted by looking."""
    if find(hashed(token)) is None:
        return _gone(request)
    request.session[HELD] = hashed(token)
    return _unreferred(redirect("tenants:join"))


@require_safe
@never_cache
def join(request: HttpRequest) -> HttpResponse:
    """Who invites to what, with a form for somebody new and a button for somebody who is signed in."""
    found = find(request.session.get(HELD, ""))
    return _join(request, found, JoinForm(invitation=found)) if found else _gone(request)


def _join(
    request: HttpRequest, found: Invitation, form: JoinForm, *, error: str = "", status: int = 200
) -> HttpResponse:
    user = request.user
    context = {
        "invitation": found,
        "form": form,
        "error": error,
        "known": has_account(found),
        "mine": isinstance(user, User) and user.email == found.email,
        "elsewhere": isinstance(user, User) and user.organisation_id not in {None, found.organisation_id},
        "other": isinstance(user, User) and user.email != found.email,
    }
    return render(request, "tenants/people/join.html", context, status=status)


@never_cache
@sensitive_post_parameters("password")
@posted(back="tenants:join")
def accept(request: SignedIn) -> HttpResponse:
    found = find(request.session.get(HELD, ""))
    if found is None:
        return _gone(request)
    form = JoinForm(request.POST, invitation=found)
    try:
        if request.user.is_authenticated:
            invitations.accept(invitation=found, user=request.user)
            return _welcome(request, found)
        if has_account(found) or not form.is_valid():
            return _join(request, found, form, status=422)
        user = invitations.join(invitation=found, **form.cleaned_data)
    except invitations.Gone:
        return _gone(request)
    except ValidationError as error:
        return _join(request, found, form, error=" ".join(error.messages), status=409)
    answer: HttpResponse = perform_login(request, user)
    return _welcome(request, found) if answer.status_code == 302 and request.user.is_authenticated else answer


def _welcome(request: HttpRequest, found: Invitation) -> HttpResponse:
    request.session.pop(HELD, None)
    messages.success(request, f"Welcome. You are {Role(found.role).label} of {found.group} now.")
    return redirect("devices:list")


def _gone(request: HttpRequest) -> HttpResponse:
    """The same for unknown, used, withdrawn and expired ones."""
    request.session.pop(HELD, None)
    return _unreferred(render(request, "tenants/people/invitation_gone.html", status=404))


def _unreferred(answer: HttpResponse) -> HttpResponse:
    # Not on the form's page: a browser under this policy posts with the origin "null".
    answer["Referrer-Policy"] = "no-referrer"
    return answer
