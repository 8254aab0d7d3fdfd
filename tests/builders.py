"""Plain functions that make rows for tests."""

from __future__ import annotations

from typing import Any

from devices.lifecycle import assignments, registration
from devices.models import Attribute, Device, DeviceModel, Recipe, RecipeVersion
from tenants.groups import operations as groups
from tenants.models import Group, Membership, Organisation, Role, User

PASSWORD = "correct horse battery"


def make_organisation(name: str = "Kanarra", **settings: Any) -> Organisation:
    return groups.create_organisation(name=name, slug=name.lower(), **settings)


def make_group(parent: Group, name: str) -> Group:
    return groups.create(parent=parent, name=name)


def make_user(email: str, group: Group, role: Role, **fields: Any) -> User:
    organisation = Organisation.objects.get(root__path=group.root_path)
    user = User.objects.create_user(email, PASSWORD, organisation=organisation, **fields)
    Membership.objects.create(user=user, group=group, role=role)
    return user


def make_recipe(organisation: Organisation, name: str = "Generator gateway", **version: Any) -> RecipeVersion:
    model, _ = DeviceModel.objects.get_or_create(organisation=organisation, name="KG-250")
    recipe = Recipe.objects.create(organisation=organisation, name=name)
    made = RecipeVersion.objects.create(recipe=recipe, model=model, **version)
    Attribute.objects.bulk_create(
        [
            Attribute(version=made, name="rpm", label="Engine speed", unit="rpm", position=1),
            Attribute(version=made, name="load", label="Load", unit="kW", position=2),
            Attribute(version=made, name="engineState", label="Engine", type="string"),
            Attribute(version=made, name="registerButton", label="Button", type="boolean"),
        ]
    )
    return made


def make_device(version: RecipeVersion, *, group: Group | None = None, by: User | None = None, **fields: Any) -> Device:
    """A registered device; with a group (and a user), a provisioned one."""
    device = registration.register_device(version=version, by=by, **fields)
    if group is not None:
        assert by is not None
        assignments.assign(device=device, group=group, name=device.name, model=device.model, by=by)
    return device
