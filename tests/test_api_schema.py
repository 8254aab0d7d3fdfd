"""What the OpenAPI document promises is what the API does, whatever is sent: never a server error (schemathesis)."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from django.urls import reverse
from hypothesis import given
from schemathesis.generation.modes import GenerationMode

from config.api_docs.views import build_document
from devices.models import Device, LabelPrintJob
from tenants.models import Role
from tenants.tokens import operations as tokens
from tests import builders, schema_fuzz
from tests.access.credentials import one
from tests.access.doors import waiting_operation
from tests.access.hooks import call, hook
from tests.access.imports import importing
from tests.access.people import invite
from tests.access.recipes import label_name, label_rule
from tests.access.ties import tied
from tests.conftest import make_world
from tests.devices.doing import act
from tests.provisioning.conftest import pressed_window
from tests.provisioning.doors.makers import make_jwt_door
from tests.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.test import Client
    from pytest_django.fixtures import Settings
    from schemathesis import Case

    from tests.conftest import World

    Real = dict[str, dict[str, Any]]

EXAMPLES = {"owner": 5, "technician": 1}
OPERATIONS = sorted(
    told["operationId"]
    for methods in build_document()["paths"].values()
    for told in methods.values()
    if told.get("security") != []  # those of devices: test_device_api_schema
)


@cache
def kept() -> Snapshot[tuple[World, Real]]:
    """Made once, since it takes longer than what is then asked of it."""
    return Snapshot(lambda: (world := make_world(), make_real(world)))


@pytest.fixture
def known(db: None) -> tuple[World, Real]:
    return kept().write()


def make_real(world: World) -> Real:
    """Rows that the paths and bodies may name: else nothing would be found."""
    sheet = LabelPrintJob.objects.create(organisation=world.kanarra, by=world.owner, words="all devices", total=1000)
    locking = act("lock", world.owner, Device.objects.filter(pk=world.placed.pk))
    window, empty = pressed_window(world), builders.make_group(world.tekton, "Nampa")
    door = make_jwt_door(world.version)
    token = tokens.create(by=world.owner, name="Other", group=world.sadler, role=Role.VIEWER).token
    return {
        "paths": {
            "/api/v1/groups/{id}/": {"id": world.region.pk},
            "/api/v1/groups/{id}/move/": {"id": world.boise.pk},
            "/api/v1/groups/{id}/archive/": {"id": empty.pk},
            "/api/v1/groups/{id}/restore/": {"id": empty.pk},
            "/api/v1/people": {"id": world.technician.pk, "membership": world.technician.memberships.get().pk},
            "/api/v1/invitations": {"id": invite(world).pk},
            "/api/v1/tokens": {"id": token.pk},
            "/api/v1/recipes": {"id": world.version.recipe_id},
            "/api/v1/models": {"id": world.version.model_id},
            "/api/v1/devices": {"serial": world.placed.serial},
            "/api/v1/devices/{serial}/credentials/{id}": {"id": one(world)["pk"]},
            "/api/v1/devices/{serial}/gateways/{gateway}": {"gateway": tied(world)["gateway"]},
            "/api/v1/imports": {"key": str(importing(world)["key"])},
            "/api/v1/labels": {"key": str(sheet.key)},
            "/api/v1/actions": {"key": str(locking.key)},
            "/api/v1/windows": {"key": str(window.key)},
            "/api/v1/approvals": {"key": str(waiting_operation(world)["key"])},
            "/api/v1/label-rules": {"id": label_rule(world)["pk"]},
            "/api/v1/label-names": {"id": label_name(world)["pk"]},
            "/api/v1/hooks": {"key": str(hook(world)["key"])},
            "/api/v1/hook-runs": {name: str(value) for name, value in call(world).items()},
            "/api/v1/doors": {"key": str(door.key), "pk": door.keys.get().pk},
        },
        "body": {
            "recipe": world.version.recipe_id,
            "group": world.anaheim.pk,
            "parent": world.tekton.pk,
            "model": world.version.model_id,
        },
    }


@pytest.fixture
def _one_connection(known: object) -> Iterator[None]:
    with schema_fuzz.one_connection():
        yield


def settle(case: Case[Any], real: Real) -> None:
    """Ids that exist, instead of those that were made up."""
    for prefix, values in real["paths"].items():
        if case.path.startswith(prefix) and case.path_parameters:
            case.path_parameters |= {name: value for name, value in values.items() if name in case.path_parameters}
    if isinstance(case.body, dict):
        case.body |= {name: value for name, value in real["body"].items() if isinstance(case.body.get(name), int)}


@cache
def schema() -> Any:
    made = schemathesis.openapi.from_dict(json.loads(json.dumps(build_document(), default=str)))
    made.app = get_wsgi_application()
    made.location = "http://testserver/api/v1/openapi.json"
    return made


@pytest.mark.usefixtures("_one_connection")
@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_document_is_true(operation: str, known: tuple[World, Real], settings: Settings) -> None:
    world, real = known
    settings.API_TOKEN_LIMIT = settings.API_PERSON_LIMIT = settings.API_TENANT_LIMIT = (
        settings.API_ORGANISATION_LIMIT
    ) = 10**6
    described = schema().find_operation_by_id(operation)
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
        strategy = described.as_strategy(generation_mode=mode)
        for person, examples in EXAMPLES.items():
            user = getattr(world, person)
            membership = user.memberships.get()
            made = tokens.create(by=user, name="Fuzz", group=membership.group, role=membership.role)
            headers = {"Authorization": f"Bearer {made.secret}"}
            fuzz(strategy, real, headers, examples, positive=mode is GenerationMode.POSITIVE)


def fuzz(strategy: Any, real: Real, headers: dict[str, str], examples: int, *, positive: bool) -> None:
    @schema_fuzz.fuzzed(examples)
    @given(case=strategy)
    def run(case: Case[Any]) -> None:
        if positive:
            settle(case, real)
        schema_fuzz.ask(case, headers)

    run()


@pytest.mark.django_db
def test_the_documentation_is_the_document(client: Client) -> None:
    page = client.get(reverse("api-docs")).content.decode()
    assert all(f'id="{operation}"' in page for operation in OPERATIONS)
    assert client.get(reverse("api-schema")).json()["info"]["title"] == "Handover"
    assert client.get(reverse("api-schema-yaml")).content.startswith(b"openapi: 3.1")
