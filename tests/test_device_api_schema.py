"""What the OpenAPI document says of the addresses that devices call is what they answer, whatever is sent."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from django.urls import URLPattern, get_resolver
from hypothesis import given
from schemathesis.generation.modes import GenerationMode

from config.api_docs.device_addresses import ADDRESSES
from config.api_docs.views import build_document
from devices.identity import serials
from devices.mqtt import text_values
from provisioning.doors.activate import content, data
from provisioning.models import DoorVendor
from tests import builders, schema_fuzz
from tests.provisioning.doors.makers import Sdk, approve, make_approval_door, make_jwt_door, sign
from tests.provisioning.doors.test_activate import activate, make_door, read_token
from tests.provisioning.doors.test_profile import make_profile_door

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.urls import URLResolver
    from pytest_django.fixtures import Settings
    from schemathesis import Case

    from tests.conftest import World

EXAMPLES = 4
OPERATIONS = [each.describe()["operationId"] for each in ADDRESSES]
SENT = [each.describe()["operationId"] for each in ADDRESSES if each.body]
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
GRANT = "urn:ietf:params:oauth:grant-type:device_code"
BELOW = "/o/kanarra"


@pytest.fixture
def doors(world: World, settings: Settings) -> dict[str, dict[str, Any]]:
    """What counts at each address: `shown` in its headers, `told` in its body."""
    settings.DOOR_REFUSALS_ADDRESS = 10**6
    text_values._declared.clear()
    data.debts._until.clear()
    content.debts._until.clear()
    make_jwt_door(world.version)
    profile, approval = make_profile_door(world.version)[1], make_approval_door(world.version)[1]
    door = make_door(world.version, settings={"vendor": "acme", "model": "gateway"})
    DoorVendor.objects.create(name="acme", organisation=world.kanarra)
    device = {"X-Exosite-CIK": read_token(activate(world.waiting))}
    new = builders.make_device(world.version).serial
    content.upload(door=door, by=world.owner, name="fw.bin", data=b"1234", content_type="a/b", meta="")
    sdk = Sdk(approval)
    started = sdk.init("dev-0001").json()["provisioningOperationId"]
    approve(started, world.owner)
    registration = sdk.get_approved(world.owner, "dev-0002")
    provisioning, serial = {"Authorization": f"DeviceToken {approval}"}, serials.generate()
    asking = {"shown": provisioning, "told": {"provisioningOperationId": started, "registrationToken": registration}}
    return {
        "/api/register-device": {"told": {"token": sign(), "manufacturerId": serial}},
        "/ztp/cloudlocate/credentials": {"told": {"token": profile, "hardwareId": serial}},
        "/provisioning-operations/init": {"shown": provisioning, "told": {"deviceId": "dev-0003"}},
        "/provisioning-operations/complete": asking,
        "/devices/registration-tokens/refresh": asking,
        "/devices/register": {
            "shown": {"Authorization": f"DeviceToken {registration}"},
            "told": {"connectionStringType": "SharedAccessSignature"},
        },
        "/oauth/device_authorization": {"told": {"client_id": approval, "device_id": "dev-0004"}},
        "/oauth/token": {"told": {"client_id": approval, "grant_type": GRANT, "device_code": started}},
        "/provision/activate": {"told": {"id": new, "vendor": "acme", "model": "gateway", "password": None}},
        "/provision/download": {"shown": device, "asked": {"id": "fw.bin"}},
        "/timestamp": {},
    } | {f"/{prefix}:v1/stack/{name}": {"shown": device} for prefix in ("onep", "api") for name in ("alias", "record")}


@pytest.fixture
def _one_connection(doors: object) -> Iterator[None]:
    with schema_fuzz.one_connection():
        yield


@cache
def schema(below: str) -> Any:
    """The document's addresses of devices, below a prefix."""
    document = json.loads(json.dumps(build_document(), default=str))
    document["paths"] = {below + each.path: document["paths"][each.path] for each in ADDRESSES}
    made = schemathesis.openapi.from_dict(document)
    made.app = get_wsgi_application()
    made.location = "http://testserver/api/v1/openapi.json"
    return made


@pytest.mark.usefixtures("_one_connection")
@pytest.mark.parametrize("below", ["", BELOW])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_devices_are_answered_as_the_document_says(
    operation: str, below: str, doors: dict[str, dict[str, Any]]
) -> None:
    described = schema(below).find_operation_by_id(operation)
    counts = doors[described.path.removeprefix(below)]
    statuses: set[int] = set()
    for mode in MODES if operation in SENT else MODES[:1]:  # of an address without a body everything is as it is said
        for is_known in (True, False):
            statuses |= ask(described.as_strategy(generation_mode=mode), counts if is_known else {})
    assert min(statuses) < 300  # what counts is heard


def ask(strategy: Any, counts: dict[str, Any]) -> set[int]:
    """Return with which statuses it was answered."""
    statuses = set()

    @schema_fuzz.fuzzed(EXAMPLES)
    @given(case=strategy)
    def run(case: Case[Any]) -> None:
        if isinstance(case.body, dict):
            told = case.body | counts.get("told", {})
            case.body = {name: value for name, value in told.items() if value is not None}
        if counts.get("asked"):
            case.query = counts["asked"]
        headers = counts.get("shown", {})
        for name in ("Accept-Encoding", "Request-Timeout", *headers):  # nobody waits here
            case.headers.pop(name, None)
        statuses.add(schema_fuzz.ask(case, headers))

    run()
    return statuses


def list_routes(patterns: list[URLPattern | URLResolver], path: str = "/") -> Iterator[str]:
    """Yield the addresses that devices call, in the document's way of writing them."""
    for pattern in patterns:
        here = path + str(pattern.pattern)
        if not isinstance(pattern, URLPattern):
            yield from list_routes(pattern.url_patterns, here)
        elif getattr(pattern.callback, "device_facing", False):
            yield here.replace("/o/<slug:organisation>", "")


def test_each_address_of_devices_is_in_the_document() -> None:
    called = set(list_routes(get_resolver().url_patterns))
    assert called == {each.path for each in ADDRESSES}
