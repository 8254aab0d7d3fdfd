"""Hooks are made and watched by the admins of the whole organisation; what failed they repeat or skip."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from lib import paging
from lib.decorators import redirect_unless_posted
from lib.refusal_pages import show_in_form
from provisioning.hooks import listing, operations
from provisioning.hooks.access import get_hook, get_hook_call, get_hook_run
from provisioning.hooks.forms import HookForm
from provisioning.models import Hook, HookCall, HookRun
from tenants.access import require_owner

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpResponse

    from tenants.access import SignedIn

SIZE = 50


@require_safe
@login_required
@never_cache
def hook_list(request: SignedIn) -> HttpResponse:
    hooks = listing.count_failed(Hook.objects.manageable_by(require_owner(request.user)))
    runs = HookRun.objects.manageable_by(request.user)
    context = {
        "hooks": hooks.working(),
        "ended": hooks.exclude(ended_at=None).order_by("-ended_at")[:SIZE],
        "failed": runs.filter(state=HookRun.State.FAILED).count(),
        "told": runs.exists(),
    }
    return render(request, "provisioning/hooks/hooks.html", context)


@require_safe
@login_required
@never_cache
def hook(request: SignedIn, key: UUID) -> HttpResponse:
    chosen = get_hook(request.user, key)
    failed = HookRun.objects.manageable_by(request.user).filter(listing.find_failed_runs(chosen))
    waiting = failed.filter(state=HookRun.State.FAILED).select_related("device")
    page = paging.find_asked_page(waiting, paging.NEWEST_FIRST, SIZE, request.GET.dict())
    context = {"hook": chosen, "page": page, "retried": listing.find_last_retried(chosen)}
    return render(request, "provisioning/hooks/hook.html", context)


@require_safe
@login_required
def new(request: SignedIn) -> HttpResponse:
    hooks = Hook.objects.manageable_by(require_owner(request.user)).working()
    last = max((hook.position for hook in hooks), default=0)
    return _page(request, HookForm(initial={"position": min(last + 1, operations.MOST_POSITION)}))


@login_required
@never_cache
@redirect_unless_posted(back="provisioning:hook-new")
def create(request: SignedIn) -> HttpResponse:
    """Make a hook; the answer shows its secret, this once."""
    user = require_owner(request.user)
    assert user.organisation is not None
    form = HookForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    with show_in_form(form) as refused:
        made, secret = operations.create_hook(organisation=user.organisation, by=user, **form.cleaned_data)
    if refused:
        return _page(request, form, status=refused.status)
    return _show_secret(request, made, secret)


@require_safe
@login_required
def edit(request: SignedIn, key: UUID) -> HttpResponse:
    chosen = get_hook(request.user, key)
    return _page(request, HookForm(stored=_read_stored(chosen)), chosen)


def _read_stored(hook: Hook) -> dict[str, object]:
    return {name: getattr(hook, name) for name in operations.FIELDS}


@login_required
@redirect_unless_posted(back="provisioning:hook-edit")
def change(request: SignedIn, key: UUID) -> HttpResponse:
    chosen = get_hook(request.user, key)
    form = HookForm(request.POST, stored=_read_stored(chosen))
    if not form.is_valid():
        return _page(request, form, chosen, status=422)
    with show_in_form(form) as refused:
        operations.change_hook(hook=chosen, fields=form.changes, by=request.user)
    if refused:
        return _page(request, form, chosen, status=refused.status)
    messages.success(request, "Saved. It holds from the next message on.")
    return redirect(chosen)


@login_required
@never_cache
@redirect_unless_posted(back="provisioning:hook")
def renew(request: SignedIn, key: UUID) -> HttpResponse:
    """Make a new secret; the answer shows it, this once."""
    chosen = get_hook(request.user, key)
    return _show_secret(request, chosen, operations.renew_secret(hook=chosen, by=request.user))


@login_required
@redirect_unless_posted(back="provisioning:hook")
def end(request: SignedIn, key: UUID) -> HttpResponse:
    chosen = get_hook(request.user, key)
    if operations.end_hook(hook=chosen, by=request.user):
        messages.success(
            request, f"{chosen} is ended: it is told nothing more, and the hooks after it go on without it."
        )
    return redirect(chosen)


@login_required
@redirect_unless_posted(back="provisioning:hook")
def repeat_failed(request: SignedIn, key: UUID) -> HttpResponse:
    chosen = get_hook(request.user, key)
    number = operations.repeat_failed(hook=chosen, by=request.user)
    messages.success(request, f"{number} message{'' if number == 1 else 's'} will be sent again within seconds.")
    return redirect(chosen)


@require_safe
@login_required
@never_cache
def run_list(request: SignedIn) -> HttpResponse:
    runs = HookRun.objects.manageable_by(require_owner(request.user)).select_related("device")
    asked = request.GET.dict()
    state = asked.pop("state", "")
    if state in HookRun.State.values:
        runs = runs.filter(state=state)
    page = paging.find_asked_page(runs, paging.NEWEST_FIRST, SIZE, asked)
    context = {"page": page, "state": state, "states": HookRun.State.choices}
    return render(request, "provisioning/hooks/runs.html", context)


@require_safe
@login_required
@never_cache
def run(request: SignedIn, key: UUID) -> HttpResponse:
    chosen = get_hook_run(request.user, key)
    calls = listing.show_calls(chosen, list(HookCall.objects.of(chosen)))
    return render(request, "provisioning/hooks/run.html", {"run": chosen, "calls": calls})


@login_required
@redirect_unless_posted(back="provisioning:hook-run-call")
def repeat(request: SignedIn, key: UUID, position: int) -> HttpResponse:
    call = get_hook_call(request.user, key, position)
    operations.repeat_call(call=call, by=request.user)
    messages.success(request, f"{call.hook} will be told again within seconds.")
    return redirect(call.run)


@login_required
@redirect_unless_posted(back="provisioning:hook-run-call")
def skip(request: SignedIn, key: UUID, position: int) -> HttpResponse:
    call = get_hook_call(request.user, key, position)
    operations.skip_call(call=call, by=request.user)
    messages.success(request, f"{call.hook} is skipped; what comes after it is told within seconds.")
    return redirect(call.run)


@require_safe
@login_required
@never_cache
def call(request: SignedIn, key: UUID, position: int) -> HttpResponse:
    """Show the run that the call is of."""
    return run(request, get_hook_call(request.user, key, position).run.key)


def _page(request: SignedIn, form: HookForm, chosen: Hook | None = None, *, status: int = 200) -> HttpResponse:
    return render(request, "provisioning/hooks/hook_form.html", {"form": form, "hook": chosen}, status=status)


def _show_secret(request: SignedIn, chosen: Hook, secret: str) -> HttpResponse:
    return render(request, "provisioning/hooks/hook_secret.html", {"hook": chosen, "secret": secret})
