"""The door of approval for clients of the device authorization grant: RFC 8628, sections 3.1 to 3.5."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import pytest
from django.db.models.functions import Now
from django.test import Client
from oauthlib.oauth2 import DeviceClient, OAuth2Error

from devices.models import Device
from provisioning.doors import refused_attempts
from provisioning.doors.approval import decisions
from provisioning.models import DoorKey, DoorRefusal, ProvisioningOperation
from tests.provisioning.doors.makers import Sdk, approve, get_operation, make_approval_door, make_provisioning_token
from tests.provisioning.doors.test_doors import browser

if TYPE_CHECKING:
    from pytest_django.fixtures import Settings

    from tests.conftest import World

pytestmark = pytest.mark.django_db
GRANT = "urn:ietf:params:oauth:grant-type:device_code"


class OauthClient:
    """What a stock client sends: forms, and its id."""

    def __init__(self, client_id: str) -> None:
        self.client_id = client_id

    def send(self, path: str, **sent: str) -> Any:
        body = urlencode({"client_id": self.client_id} | sent)
        return Client().post(path, body, "application/x-www-form-urlencoded")

    def authorize(self, **sent: str) -> Any:
        return self.send("/oauth/device_authorization", **sent)

    def poll(self, code: str, **sent: str) -> Any:
        return self.send("/oauth/token", **{"grant_type": GRANT, "device_code": code, **sent})


@pytest.fixture
def client_id(world: World) -> str:
    return make_approval_door(world.version)[1]


def error(answer: Any, status: int = 400) -> str:
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/json"
    assert answer["Cache-Control"] == "no-store"
    assert answer["Content-Length"] == str(len(answer.content))
    assert set(answer.json()) == {"error", "error_description"}
    return str(answer.json()["error"])


def wait() -> None:
    ProvisioningOperation.objects.update(asked_at=Now() - timedelta(seconds=5))


def test_a_device_gets_its_token_and_registers(world: World, client_id: str) -> None:
    stock = OauthClient(client_id)
    answer = stock.authorize(device_id="dev-0001", scope="x", firmware="1.2.3")
    assert answer.status_code == 200, answer.content
    told = answer.json()
    assert set(told) == {
        *("device_code", "user_code", "verification_uri", "verification_uri_complete", "expires_in", "interval")
    }
    assert (told["interval"], told["expires_in"]) == (5, 3600)
    assert told["verification_uri"] == "http://testserver/approve/"
    page = browser(world.technician).get(told["verification_uri_complete"].removeprefix("http://testserver"))
    assert told["user_code"] in page["Location"]
    assert get_operation(told["device_code"]).said == {"firmware": "1.2.3"}
    assert error(stock.poll(told["device_code"])) == "authorization_pending"
    assert error(stock.poll(told["device_code"])) == "slow_down"
    wait()
    assert error(stock.poll(told["device_code"])) == "authorization_pending"
    approve(told["device_code"], world.technician, group=world.anaheim)
    granted = stock.poll(told["device_code"])  # at once, though it came early
    assert granted.status_code == 200
    assert granted["Cache-Control"] == "no-store"
    assert granted.json()["token_type"] == "Bearer"
    assert 0 <= 90 * 86400 - granted.json()["expires_in"] < 60
    registered = Client().put(
        "/devices/register",
        '{"connectionStringType":"SharedAccessSignature"}',
        "application/json",
        HTTP_AUTHORIZATION=f"Bearer {granted.json()['access_token']}",
    )
    assert registered.status_code == 200, registered.content
    assert Device.objects.get(own_id="dev-0001").group == world.anaheim


class StockDevice:
    """A device of which a stock library writes each request, and reads each answer."""

    def __init__(self, client_id: str) -> None:
        self.client = DeviceClient(client_id)

    def authorize(self, **told: str) -> Any:
        # What it puts into the address belongs into the body: RFC 8628, 3.1.
        asked = urlsplit(self.client.prepare_request_uri("https://testserver/oauth/device_authorization", **told))
        answer = self.send(asked.path, asked.query)
        assert answer.status_code == 200, answer.content
        return answer.json()

    def poll(self, code: str) -> Any:
        return self.read(self.client.prepare_request_body(code, include_client_id=True))

    def refresh(self) -> Any:
        return self.read(self.client.prepare_refresh_body(client_id=self.client.client_id))

    def register(self) -> Any:
        address, headers, _ = self.client.add_token("https://testserver/devices/register", http_method="PUT")
        assert urlsplit(address).query == ""
        return Client().put(urlsplit(address).path, "{}", "application/json", headers=headers)

    def read(self, body: str) -> Any:
        """The token; or the name of the error that the library raises."""
        try:
            return self.client.parse_request_body_response(self.send("/oauth/token", body).content.decode())
        except OAuth2Error as error:
            return error.error

    def send(self, path: str, body: str) -> Any:
        return Client().post(path, body, "application/x-www-form-urlencoded")


def test_a_stock_library_gets_its_device_in(world: World, client_id: str) -> None:
    device = StockDevice(client_id)
    told = device.authorize(device_id="dev-0001", scope="state")
    assert [device.poll(told["device_code"]) for _ in range(2)] == ["authorization_pending", "slow_down"]
    approve(told["device_code"], world.technician, group=world.anaheim)
    first = device.poll(told["device_code"])["access_token"]
    assert device.register().status_code == 200
    assert Device.objects.get(own_id="dev-0001").group == world.anaheim
    assert device.refresh()["access_token"] not in (first, "")
    assert device.register().status_code == 429  # the token counts; its credential is some moments old
    assert StockDevice("another").read("grant_type=refresh_token&client_id=another") == "invalid_client"


def test_a_stock_library_is_told_why_its_device_stays_out(world: World, client_id: str) -> None:
    device = StockDevice(client_id)
    denied, late = (device.authorize(device_id=f"dev-000{number}")["device_code"] for number in (1, 2))
    decisions.cancel_operation(operation=get_operation(denied), by=world.technician)
    ProvisioningOperation.objects.filter(key=late).update(expires_at=Now())
    assert [device.poll(code) for code in (denied, late, "x")] == ["access_denied", "expired_token", "invalid_grant"]


def test_the_token_is_refreshed(world: World, client_id: str) -> None:
    stock = OauthClient(client_id)
    former = Sdk(client_id).get_approved(world.owner, "dev-0001")
    answer = stock.send("/oauth/token", grant_type="refresh_token", refresh_token=former)
    newer = answer.json()["access_token"]
    assert Sdk(client_id).register(former).status_code == 401
    assert Sdk(client_id).register(newer).status_code == 200
    assert error(stock.send("/oauth/token", grant_type="refresh_token", refresh_token=former)) == "invalid_grant"
    assert error(stock.send("/oauth/token", grant_type="refresh_token")) == "invalid_grant"


def test_a_token_for_ever_says_no_end(world: World) -> None:
    _, client_id = make_approval_door(world.version, settings={"token_days": None})
    stock = OauthClient(client_id)
    code = stock.authorize(device_id="dev-0001").json()["device_code"]
    approve(code, world.owner)
    assert "expires_in" not in stock.poll(code).json()


def test_denied_expired_and_unknown(world: World, client_id: str) -> None:
    stock = OauthClient(client_id)
    denied, late = (stock.authorize(device_id="dev-0001").json()["device_code"] for _ in range(2))
    decisions.cancel_operation(operation=get_operation(denied), by=world.technician)
    assert error(stock.poll(denied)) == "access_denied"
    ProvisioningOperation.objects.filter(key=late).update(expires_at=Now())
    assert error(stock.poll(late)) == "expired_token"
    for code in ("", "x", "00000000-0000-4000-8000-000000000000"):
        assert error(stock.poll(code)) == "invalid_grant"


def test_another_client_gets_nothing_for_a_code(world: World, client_id: str) -> None:
    code = OauthClient(client_id).authorize(device_id="dev-0001").json()["device_code"]
    approve(code, world.owner)
    other = OauthClient(make_provisioning_token(get_operation(code).door))
    assert error(other.poll(code)) == "invalid_grant"


def test_strangers_are_no_client(world: World, client_id: str) -> None:
    for stranger in ("", "x", "\u2603"):
        assert error(OauthClient(stranger).authorize(), 401) == "invalid_client"
        assert error(OauthClient(stranger).poll("x"), 401) == "invalid_client"
    DoorKey.objects.update(ended_at=Now())
    answer = OauthClient(client_id).authorize()
    assert error(answer, 401) == "invalid_client"
    assert answer.json() == OauthClient("x").authorize().json()


def test_a_secret_may_stand_beside_the_id(client_id: str) -> None:
    stock = OauthClient("dev-0001")
    assert stock.authorize(client_secret=client_id).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        "client_id={}&client_id={}",
        "client_id={}&device_id=abc",
        "client_id={}&x=%00",
        "client_id={}" + "&a=" * 60,
        "\xff",
    ],
)
def test_what_can_not_be_read_is_told(client_id: str, body: str) -> None:
    sent = body.replace("{}", client_id).encode("latin-1")
    for path in ("/oauth/device_authorization", "/oauth/token"):
        if path.endswith("token") and "device_id" in body:
            continue
        answer = Client().generic("POST", path, sent, "application/x-www-form-urlencoded")
        assert error(answer) == "invalid_request"
    assert not ProvisioningOperation.objects.exists()


def test_other_grants_methods_and_full_doors(world: World, client_id: str, settings: Settings) -> None:
    stock = OauthClient(client_id)
    for grant in ("", "client_credentials", "password"):
        assert error(stock.poll("x", grant_type=grant)) == "unsupported_grant_type"
    assert error(Client().get("/oauth/token"), 405) == "invalid_request"
    door = DoorKey.objects.get().door
    door.cap = 0
    door.save(update_fields=["cap"])
    assert error(stock.authorize()) == "unauthorized_client"
    refused_attempts.refused_attempts.count()
    assert set(DoorRefusal.objects.values_list("reason", flat=True)) == {"door-full", "grant-unknown"}
    settings.DOOR_REFUSALS_ADDRESS = 0
    assert error(stock.authorize(), 429) == "temporarily_unavailable"
