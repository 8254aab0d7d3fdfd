"""What an organisation says of its makers' labels, so that technicians are asked only what a label can't tell."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q

from devices import events
from devices.identity.label_facts import FACTS, clean_eui, clean_profile, fold_name, read_facts
from devices.identity.label_text import clean_text
from devices.models import DeviceModel, Event, LabelName, LabelRule
from devices.refusals import LABEL_NAME_TAKEN, LABEL_RULE_TAKEN, LABEL_RULES_TOO_MANY
from lib.refusals import Refusal
from tenants.audit import log as audit_log
from tenants.models import AuditEntry, Organisation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from devices.models import Recipe
    from tenants.models import User

FACT_CHOICES = list(FACTS.items())
MOST = 500  # rules, and names, of an organisation


def add_rule(
    *,
    organisation: Organisation,
    kind: str,
    value: str,
    model: DeviceModel,
    by: User,
    recipe: Recipe | None = None,
) -> LabelRule:
    """Say which model labels with this value mean, and from which recipe their devices are made.

    Raises Refusal and ValidationError.
    """
    is_profile = kind == LabelRule.Kind.PROFILE
    cleaned = clean_profile(value) if is_profile else clean_eui(value)
    if not cleaned:
        words = "Write the profile as it stands on the label." if is_profile else "An AppEUI has 16 hex digits."
        raise ValidationError({"value": [words]})
    rule = LabelRule(organisation=organisation, kind=kind, value=cleaned, model=model, recipe=recipe)
    with _keeping(rule, Refusal(LABEL_RULE_TAKEN, field="value")):
        _record(rule, by, f"labels with {rule} mean it")
    return rule


def remove_rule(*, rule: LabelRule, by: User) -> bool:
    """Take back what was said; return whether this call did."""
    with transaction.atomic():
        if not LabelRule.objects.filter(pk=rule.pk).delete()[0]:
            return False
        _record(rule, by, f"labels with {rule} mean it no more")
    return True


def add_name(*, organisation: Organisation, name: str, fact: str, by: User) -> LabelName:
    """Say what fields of this name hold, one of `FACTS`. Raises Refusal and ValidationError."""
    folded = fold_name(name)
    if not folded or len(folded) > 64:
        raise ValidationError({"name": ["Write the field's name as it stands in the label, such as devId."]})
    kept = LabelName(organisation=organisation, name=folded, fact=fact)
    with _keeping(kept, Refusal(LABEL_NAME_TAKEN, field="name")):
        _log(organisation, by, f"Fields “{folded}” of labels hold: {FACTS[fact]}")
    return kept


def remove_name(*, name: LabelName, by: User) -> bool:
    """Take back what was said; return whether this call did."""
    with transaction.atomic():
        if not LabelName.objects.filter(pk=name.pk).delete()[0]:
            return False
        _log(name.organisation, by, f"Fields “{name.name}” of labels hold nothing any more")
    return True


def find_names(organisation: int | None) -> dict[str, str]:
    """Return what the organisation's names of fields mean, for `devices.identity.label_facts.read_facts`."""
    return dict(LabelName.objects.filter(organisation=organisation).values_list("name", "fact"))


def find_model(organisation: int, facts: Mapping[str, str]) -> DeviceModel | None:
    """Return the model that a label means, by its profile before its AppEUI; None where nothing is said of either, or
    the model is retired."""
    rule = _find_rule(organisation, facts, "model", model__retired_at=None)
    return rule.model if rule else None


def find_recipe(organisation: int | None, text: str) -> Recipe | None:
    """Return the recipe from which the device is made that has this label, in the same way."""
    facts = read_facts(clean_text(text), find_names(organisation)).without_secrets() if organisation else {}
    rule = _find_rule(organisation or 0, facts, "recipe", recipe__isnull=False, recipe__retired_at=None)
    return rule.recipe if rule else None


def _find_rule(organisation: int, facts: Mapping[str, str], of: str, **such: object) -> LabelRule | None:
    said = Q()
    for kind, fact in ((LabelRule.Kind.PROFILE, "profile"), (LabelRule.Kind.JOIN_EUI, "join_eui")):
        if value := facts.get(fact):
            said |= Q(kind=kind, value=value)
    if not said:  # as of most labels, which have their serial alone: nothing is asked
        return None
    rules = LabelRule.objects.filter(said, organisation=organisation, **such).select_related(of)
    return min(rules, key=lambda rule: rule.kind != LabelRule.Kind.PROFILE, default=None)


@contextmanager
def _keeping(row: LabelRule | LabelName, taken: Refusal) -> Iterator[None]:
    """Save the row, and what is done within, in one transaction. Raises `taken` where there is one of its value, and
    Refusal beyond MOST: of many at once, each counts those before it."""
    try:
        with transaction.atomic():
            Organisation.objects.select_for_update(no_key=True).get(pk=row.organisation_id)
            if type(row).objects.filter(organisation=row.organisation_id).count() >= MOST:
                raise Refusal(LABEL_RULES_TOO_MANY, most=MOST)
            row.save()
            yield
    except IntegrityError:
        raise taken from None


def _record(rule: LabelRule, by: User, act: str) -> None:
    model = rule.model
    kind = Event.Kind.MODEL_CHANGED
    events.record(kind, organisation=rule.organisation_id, by=by, model=model.pk, name=model.name, act=act)


def _log(organisation: Organisation, by: User, what: str) -> None:
    audit_log.record(AuditEntry.Kind.SETTING, group=organisation.root, by=by, what=what)
