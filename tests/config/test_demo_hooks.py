"""The demo's hooks: made once, led to this start's port, and told; the back ends take what is signed alone."""

from __future__ import annotations

import socket
import ssl
import stat
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.db.models.functions import Now
from django.urls import reverse

from config import certificates
from config.demo import hook_receiver, hooks, organisations, processes
from config.demo.supervisor import Failed, free_port
from devices.lifecycle import assignments
from devices.models import Device, Event
from provisioning.hooks import delivery, operations
from provisioning.models import Hook, HookCall, HookRun
from tenants.models import Group, User

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.test import Client
    from pytest_django.fixtures import Settings

pytestmark = pytest.mark.django_db
OTHER_SECRET = "a secret that the demo has now, and had not when it began"


@pytest.fixture
def folder(tmp_path: Path, settings: Settings) -> Path:
    settings.VAR_DIR = tmp_path
    settings.HOOK_NETWORKS = ["127.0.0.1/32"]
    settings.HOOK_CA = str(tmp_path / "tls" / certificates.AUTHORITY)
    organisations.load_organisations()
    (tmp_path / "demo").mkdir()
    certificates.renew_certificate(tmp_path / "tls", ["localhost"])
    return tmp_path / "demo"


def renew(folder: Path, port: int = 8444) -> dict[str, hook_receiver.Told]:
    hooks.renew_hooks(folder, organisations.KANARRA.slug, port=port)
    return hook_receiver.read_hooks(folder / hook_receiver.FILE)


def admin() -> User:
    return User.objects.get(email="admin@kanarra.example")


def changes() -> int:
    return Event.objects.filter(kind=Event.Kind.HOOK_CHANGED).count()


@contextmanager
def receiving(folder: Path) -> Iterator[int]:
    """The back ends, on a free port; the hooks lead there."""
    certificate = folder.parent / "tls" / certificates.SERVER
    with hook_receiver.Receiver(0, certificate, {}) as receiver:
        receiver.hooks = renew(folder, receiver.server_port)
        thread = threading.Thread(target=receiver.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield receiver.server_port
        finally:
            receiver.shutdown()
            thread.join(5)


def place(name: str) -> None:
    device = Device.objects.get(name="Waiting A")
    group = Group.objects.get(name="Cascade General")
    assignments.assign(device=device, group=group, name=name, model=device.model, by=admin())


def test_made_once_and_led_to_the_port_of_each_start(folder: Path) -> None:
    told = renew(folder)
    assert [(hook.name, hook.url) for hook in Hook.objects.working()] == [
        ("Asset register", "https://localhost:8444/demo/asset-register"),
        ("Maintenance planning", "https://localhost:8444/demo/maintenance"),
    ]
    assert [each.refuses_once for each in told.values()] == [False, True]
    assert stat.S_IMODE((folder / hook_receiver.FILE).stat().st_mode) == 0o600
    made = changes()
    (folder / hook_receiver.FILE).unlink()
    assert renew(folder) == told
    assert changes() == made
    assert renew(folder, 9444) == told
    assert [hook.url.split("/")[2] for hook in Hook.objects.working()] == ["localhost:9444"] * 2
    assert changes() == made + 2


def test_what_a_visitor_changed_or_ended_stays(folder: Path) -> None:
    renew(folder)
    first, second = Hook.objects.working()
    operations.change_hook(hook=first, fields={"name": "Mine", "position": 9}, by=admin())
    secret = operations.renew_secret(hook=first, by=admin())
    operations.end_hook(hook=second, by=admin())
    own, _ = operations.create_hook(
        organisation=first.organisation, name="Own", url="https://join.example/hooks", by=admin()
    )
    assert renew(folder, 9444) == {"/demo/asset-register": hook_receiver.Told("Mine", secret, False)}
    assert [(hook.name, hook.position) for hook in Hook.objects.working()] == [("Mine", 9), ("Own", 10)]
    own.refresh_from_db()
    assert own.url == "https://join.example/hooks"
    for hook in Hook.objects.working():
        operations.end_hook(hook=hook, by=admin())
    assert renew(folder) == {}


def test_a_secret_that_can_not_be_read_any_more_is_made_anew(folder: Path, settings: Settings) -> None:
    before = renew(folder)
    settings.SECRET_KEY = OTHER_SECRET
    after = renew(folder)
    assert not {each.secret for each in before.values()} & {each.secret for each in after.values()}
    assert renew(folder) == after


def test_both_are_told_in_order_and_the_second_once_more(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with receiving(folder):
        place("Here")
        delivery.deliver_due()
        run = HookRun.objects.get()
        assert [(call.state, call.status) for call in HookCall.objects.of(run)] == [("done", 204), ("waiting", 503)]
        refused = HookCall.objects.of(run)[1]
        assert refused.attempted_at is not None
        assert (run.due_at - refused.attempted_at).total_seconds() >= 59
        HookRun.objects.update(due_at=Now())
        delivery.deliver_due()
    assert [(call.state, call.status) for call in HookCall.objects.of(run)] == [("done", 204), ("done", 204)]
    lines = capfd.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "Asset register was told",
        "Maintenance planning refuses once",
        "Maintenance planning was told",
    ]
    serial = run.serial
    where = "Kanarra / Tekton Health / Pacific Northwest / Cascade General"
    assert lines[0].endswith(f": device.placed {serial} “Here” in {where} (204)")


def test_what_is_not_signed_is_not_taken(folder: Path, capfd: pytest.CaptureFixture[str], settings: Settings) -> None:
    with receiving(folder) as port:
        hook = Hook.objects.working()[0]
        operations.renew_secret(hook=hook, by=admin())
        Hook.objects.update(former_sealed=None, former_until=None)
        place("Here")
        delivery.deliver_due()
        assert [call.status for call in HookCall.objects.of(HookRun.objects.get())] == [401, None]
        statuses = [
            ask(port, settings.HOOK_CA, path, b"{}", **headers)
            for path, headers in (
                ("/demo/asset-register", {"webhook-timestamp": "²", "webhook-signature": "v1,é"}),
                ("/demo/asset-register", {}),
                ("/demo/asset-register", {"Content-Length": "-1"}),
                ("/mine", {}),
            )
        ]
        say_raw(port, settings.HOOK_CA, b"POST /mine\x1b[2J HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
    assert statuses == [401, 401, 413, 404]
    said = capfd.readouterr().out
    assert ("was told" in said, "/mine?[2J" in said) == (False, True)


def ask(port: int, authority: str, path: str, body: bytes, **headers: str) -> int:
    context = ssl.create_default_context(cafile=authority)
    asked = urllib.request.Request(f"https://localhost:{port}{path}", body, headers)
    try:
        with urllib.request.urlopen(asked, context=context, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def say_raw(port: int, authority: str, request: bytes) -> None:
    context = ssl.create_default_context(cafile=authority)
    plain = socket.create_connection(("127.0.0.1", port), timeout=5)
    with context.wrap_socket(plain, server_hostname="localhost") as connection:
        connection.sendall(request)
        assert b" 404 " in connection.recv(4096)


def test_what_is_old_is_not_taken(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hook_receiver, "SPAN_SECONDS", -1)
    with receiving(folder):
        place("Here")
        delivery.deliver_due()
        assert HookCall.objects.of(HookRun.objects.get())[0].status == 401


def test_the_page_of_hooks_says_where_they_are(folder: Path, client: Client) -> None:
    client.force_login(admin())
    assert "demo's back ends" not in client.get(reverse("provisioning:hooks")).content.decode()
    told = renew(folder)
    page = client.get(reverse("provisioning:hooks")).content.decode()
    assert "demo's back ends" in page
    assert not [each.secret for each in told.values() if each.secret in page]


def test_where_their_port_is_taken_another_one_is_found_unless_it_was_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in processes.DEFAULTS:
        monkeypatch.setenv(variable, str(free_port()))
    monkeypatch.delenv("HOOKS_PORT", raising=False)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(processes, "HOOKS_PORT", port)
        assert processes.Ports.from_environment().hooks not in (0, port)
        monkeypatch.setenv("HOOKS_PORT", str(port))
        with pytest.raises(Failed, match=f"Port {port} is in use: set HOOKS_PORT to another one"):
            processes.Ports.from_environment()
    assert processes.Ports.from_environment().hooks == port
