"""Inviting, and being invited. The link's token goes no further than the first address: the rest is the session's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allauth.account.utils import perform_login
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_safe

from lib import origins
from lib.decorators import redirect_unless_posted
from lib.refusal_pages import show_in_form
from tenants import tree
from tenants.access import get_group, get_invitation
from tenants.models import Group, Invitation, Role, User
from tenants.models.invitation import hash_token
from tenants.people import invitations
from tenants.people.forms import InviteForm, JoinForm
from tenants.people.invitations import find_invitation, has_account
from tenants.refusals import INVITATION_GONE

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from tenants.access import SignedIn

HELD = "invitation"  # in the session: the hash of the token that the visitor came with


@require_safe
@login_required
def invite(request: SignedIn, pk: int) -> HttpResponse:
    group = get_group(request.user, pk, role=Role.ADMIN)
    initial = {"email": request.GET.get("email", ""), "role": Role.VIEWER}
    return _show_invite_form(request, group, InviteForm(initial=initial, user=request.user, group=group))


def _show_invite_form(request: SignedIn, group: Group, form: InviteForm, status: int = 200) -> HttpResponse:
    context = {"group": group, "lineage": tree.lineage(request.user, group), "form": form}
    return render(request, "tenants/people/invite.html", context, status=status)


@login_required
@redirect_unless_posted(back="tenants:invite")
def send(request: SignedIn, pk: int) -> HttpResponse:
    group = get_group(request.user, pk, role=Role.ADMIN)
    form = InviteForm(request.POST, user=request.user, group=group)
    if not form.is_valid():
        return _show_invite_form(request, group, form, status=422)
    with show_in_form(form) as refused:
        invitation = invitations.invite(
            group=group, by=request.user, site=origins.get_site_origin(request), **form.cleaned_data
        )
    if refused:
        return _show_invite_form(request, group, form, status=refused.status)
    _tell_result(request, invitation)
    return redirect("tenants:group", pk=pk)


@login_required
@redirect_unless_posted(back="tenants:people")
def again(request: SignedIn) -> HttpResponse:
    """Mail a new link; the one before works no longer."""
    old = get_invitation(request.user, request.POST.get("invitation", ""))
    invitation = invitations.invite(
        email=old.email,
        group=old.group,
        role=Role(old.role),
        by=request.user,
        site=origins.get_site_origin(request),
    )
    _tell_result(request, invitation)
    return redirect("tenants:people")


@login_required
@redirect_unless_posted(back="tenants:people")
def withdraw(request: SignedIn) -> HttpResponse:
    invitation = get_invitation(request.user, request.POST.get("invitation", ""))
    invitations.withdraw(invitation=invitation, by=request.user)
    messages.success(request, f"The invitation of {invitation.email} is withdrawn; its link works no longer.")
    return redirect("tenants:people")


def _tell_result(request: HttpRequest, invitation: Invitation) -> None:
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
def open_invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Take the token out of the address at once and lead to the form; nothing is accepted by looking."""
    if find_invitation(hash_token(token)) is None:
        return _refuse_gone(request)
    request.session[HELD] = hash_token(token)
    return _hide_referrer(redirect("tenants:join"))


@require_safe
@never_cache
def join(request: HttpRequest) -> HttpResponse:
    """Show who invites to what, with a form for somebody new and a button for somebody who is signed in."""
    invitation = find_invitation(request.session.get(HELD, ""))
    return (
        _show_join_form(request, invitation, JoinForm(invitation=invitation)) if invitation else _refuse_gone(request)
    )


def _show_join_form(
    request: HttpRequest, invitation: Invitation, form: JoinForm, *, error: str = "", status: int = 200
) -> HttpResponse:
    user = request.user
    context = {
        "invitation": invitation,
        "form": form,
        "error": error,
        "known": has_account(invitation),
        "mine": isinstance(user, User) and user.email == invitation.email,
        "elsewhere": isinstance(user, User) and user.organisation_id not in {None, invitation.organisation_id},
        "other": isinstance(user, User) and user.email != invitation.email,
    }
    return render(request, "tenants/people/join.html", context, status=status)


@never_cache
@sensitive_post_parameters("password")
@redirect_unless_posted(back="tenants:join")
def accept(request: SignedIn) -> HttpResponse:
    invitation = find_invitation(request.session.get(HELD, ""))
    if invitation is None:
        return _refuse_gone(request)
    form = JoinForm(request.POST, invitation=invitation)
    with show_in_form(form) as refused:
        if request.user.is_authenticated:
            invitations.accept(invitation=invitation, user=request.user)
            return _welcome_member(request, invitation)
        if has_account(invitation) or not form.is_valid():
            return _show_join_form(request, invitation, form, status=422)
        user = invitations.join(invitation=invitation, **form.cleaned_data)
    if refused.refusal and refused.refusal.kind is INVITATION_GONE:
        return _refuse_gone(request)
    if refused:
        return _show_join_form(request, invitation, form, error=str(refused.refusal), status=refused.status)
    answer: HttpResponse = perform_login(request, user)
    return (
        _welcome_member(request, invitation) if answer.status_code == 302 and request.user.is_authenticated else answer
    )


def _welcome_member(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    request.session.pop(HELD, None)
    messages.success(request, f"Welcome. You are {Role(invitation.role).label} of {invitation.group} now.")
    return redirect("devices:list")


def _refuse_gone(request: HttpRequest) -> HttpResponse:
    """Answer the same 404 for unknown, used, withdrawn and expired ones."""
    request.session.pop(HELD, None)
    return _hide_referrer(render(request, "tenants/people/invitation_gone.html", status=404))


def _hide_referrer(answer: HttpResponse) -> HttpResponse:
    # Not on the form's page: a browser under this policy posts with the origin "null".
    answer["Referrer-Policy"] = "no-referrer"
    return answer
