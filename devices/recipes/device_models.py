"""The organisation's table of supported device models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Count, Exists, OuterRef, ProtectedError, Q, Subquery
from django.db.models.functions import Coalesce, Now

from devices import events
from devices.models import Device, DeviceModel, Event, RecipeVersion
from devices.refusals import MODEL_IN_USE
from lib import names
from lib.refusals import Refusal

if TYPE_CHECKING:
    from devices.models import DeviceModelQuerySet
    from tenants.models import Organisation, User

NAMED = 5  # rules of labels, in what is told of a model's end
TAKEN = "There is a model with this name already. Choose another name."


def filter_current_or_used(scope: DeviceModelQuerySet) -> DeviceModelQuerySet:
    """Return those that are not retired, and those that a device has."""
    return scope.filter(Q(retired_at=None) | Exists(Device.objects.filter(model=OuterRef("pk"))))


def count_uses(scope: DeviceModelQuerySet) -> DeviceModelQuerySet:
    """Add `device_count` and `recipe_count`, each counted by itself: two joins would multiply."""
    devices = Device.objects.filter(model=OuterRef("pk")).order_by().values("model")
    recipes = RecipeVersion.objects.filter(model=OuterRef("pk")).order_by().values("model")
    return scope.annotate(
        device_count=Coalesce(Subquery(devices.annotate(count=Count("*")).values("count")), 0),
        recipe_count=Coalesce(Subquery(recipes.annotate(count=Count("recipe", distinct=True)).values("count")), 0),
    )


def add(*, organisation: Organisation, name: str, by: User) -> DeviceModel:
    """Add a model. Raises ValidationError of `name` if it is taken."""
    name = names.clean_name(name)
    try:
        with transaction.atomic():
            model = DeviceModel.objects.create(organisation=organisation, name=name)
            _record(model, by, act="added")
    except IntegrityError:
        raise ValidationError({"name": TAKEN}) from None
    return model


def rename(*, model: DeviceModel, name: str, by: User) -> bool:
    """Rename the model; return whether this call changed it. Raises ValidationError of `name` if it is taken."""
    name = names.clean_name(name)
    try:
        with transaction.atomic():
            if DeviceModel.objects.filter(pk=model.pk).exclude(name=name).update(name=name) != 1:
                return False
            _record(model, by, act="renamed", to=name)
    except IntegrityError:
        raise ValidationError({"name": TAKEN}) from None
    return True


def retire(*, model: DeviceModel, by: User) -> bool:
    """Stop offering the model; devices that have it keep it. Returns whether this call did it."""
    return _set_retired(model, by, retired=True)


def restore(*, model: DeviceModel, by: User) -> bool:
    return _set_retired(model, by, retired=False)


def delete(*, model: DeviceModel, by: User) -> None:
    """Delete the model. Raises Refusal if a device or a recipe has it."""
    try:
        with transaction.atomic():
            rules = [str(rule) for rule in model.label_rules.all()[: NAMED + 1]]
            _record(model, by, act=f"deleted{_tell_rules(rules)}")
            model.delete()
    except (ProtectedError, IntegrityError):  # the database tells of one that came meanwhile
        raise Refusal(MODEL_IN_USE, model=model) from None


def _tell_rules(rules: list[str]) -> str:
    """Say which labels meant the model, for these rules go with it."""
    named = ", ".join(rules[:NAMED]) + (" and others" if len(rules) > NAMED else "")
    return f"; labels with {named} mean nothing any more" if rules else ""


def _set_retired(model: DeviceModel, by: User, *, retired: bool) -> bool:
    with transaction.atomic():
        rows = DeviceModel.objects.filter(pk=model.pk, retired_at__isnull=retired)
        if rows.update(retired_at=Now() if retired else None) != 1:
            return False
        _record(model, by, act="retired" if retired else "restored")
    return True


def _record(model: DeviceModel, by: User, **data: Any) -> None:
    data = {"model": model.pk, "name": model.name, **data}
    events.record(Event.Kind.MODEL_CHANGED, organisation=model.organisation_id, by=by, **data)
