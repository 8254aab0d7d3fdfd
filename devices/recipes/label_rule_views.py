"""What makers' labels say, for the admins of the whole organisation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from devices.identity.label_facts import FACTS
from devices.models import LabelName, LabelRule
from devices.recipes import label_rules
from devices.recipes.label_rule_forms import NameForm, RuleForm
from lib.decorators import redirect_unless_posted
from lib.refusal_pages import show_in_form
from tenants.access import get_row, require_owner

if TYPE_CHECKING:
    from django.http import HttpResponse

    from tenants.access import SignedIn


@require_safe
@login_required
def rules(request: SignedIn) -> HttpResponse:
    require_owner(request.user)
    return _page(request)


@login_required
@redirect_unless_posted(back="devices:label-rules")
def add_rule(request: SignedIn) -> HttpResponse:
    user = require_owner(request.user)
    assert user.organisation is not None
    form = RuleForm(request.POST, user=user)
    if not form.is_valid():
        return _page(request, rule=form, status=422)
    with show_in_form(form) as refused:
        made = label_rules.add_rule(organisation=user.organisation, by=user, **form.cleaned_data)
    if refused:
        return _page(request, rule=form, status=refused.status)
    messages.success(request, f"Technicians are not asked for the model any more where a label has {made}.")
    return redirect("devices:label-rules")


@login_required
@redirect_unless_posted(back="devices:label-rules")
def add_name(request: SignedIn) -> HttpResponse:
    user = require_owner(request.user)
    assert user.organisation is not None
    form = NameForm(request.POST)
    if not form.is_valid():
        return _page(request, name=form, status=422)
    with show_in_form(form) as refused:
        label_rules.add_name(organisation=user.organisation, by=user, **form.cleaned_data)
    if refused:
        return _page(request, name=form, status=refused.status)
    messages.success(request, "Saved. It holds for labels that are scanned from now on.")
    return redirect("devices:label-rules")


@login_required
def remove_rule(request: SignedIn, pk: int) -> HttpResponse:
    chosen = get_row(LabelRule.objects.manageable_by(require_owner(request.user)).select_related("model"), pk=pk)
    if request.method == "POST" and label_rules.remove_rule(rule=chosen, by=request.user):
        messages.success(request, f"{chosen} says nothing of the model any more.")
    return redirect("devices:label-rules")


@login_required
def remove_name(request: SignedIn, pk: int) -> HttpResponse:
    chosen = get_row(LabelName.objects.manageable_by(require_owner(request.user)), pk=pk)
    if request.method == "POST" and label_rules.remove_name(name=chosen, by=request.user):
        messages.success(request, f"{chosen.name} is looked at no more.")
    return redirect("devices:label-rules")


def _page(
    request: SignedIn, *, rule: RuleForm | None = None, name: NameForm | None = None, status: int = 200
) -> HttpResponse:
    names = LabelName.objects.manageable_by(request.user)
    context = {
        "rules": LabelRule.objects.manageable_by(request.user).select_related("model", "recipe"),
        "names": [(each, FACTS.get(each.fact, each.fact)) for each in names],
        "rule_form": rule or RuleForm(user=request.user),
        "name_form": name or NameForm(),
    }
    return render(request, "devices/recipes/label_rules.html", context, status=status)
