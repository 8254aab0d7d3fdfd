"""What holds on every page: one 404, strict headers, and what makes the site installable."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.management import CommandError, call_command
from django.test import Client, RequestFactory
from PIL import Image

from config import certificates, views

if TYPE_CHECKING:
    from tests.conftest import World

TEMPLATES = Path(settings.BASE_DIR) / "templates"


def unhashed(url: str) -> str:
    """The file in `static/` behind its public address."""
    return re.sub(r"\.[0-9a-f]{12}\.", ".", url.removeprefix(settings.STATIC_URL))


def fingerprint(client: Client, url: str) -> tuple[int, bytes, dict[str, str]]:
    answer = client.get(url)
    return answer.status_code, answer.content, dict(answer.headers)


def test_one_404_for_all(client: Client, world: World) -> None:
    client.force_login(world.viewer)
    urls = [
        "/no/such/page/",
        "/no/such/<script>/",
        f"/devices/{world.foreign.serial}/label/",
        f"/devices/{world.alien.serial}/label.svg",
        "/devices/0000/label/",
        f"/groups/{world.tekton.pk}/tree/",
        "/groups/999999/tree/",
        f"/?group={world.other_site.pk}",
        "/theme/other-000000000000.css",
        "/logo/other-000000000000.png",
        "/accounts/2fa/recovery-codes/",
        "/accounts/signup/",
        "/accounts/",
    ]
    first, *rest = [fingerprint(client, url) for url in urls]
    assert first[0] == 404
    assert all(other == first for other in rest)


def test_the_404_of_a_stranger_is_the_same(client: Client, db: None) -> None:
    anonymous = fingerprint(client, "/no/such/page/")
    assert anonymous[0] == 404
    assert b"Nothing here" in anonymous[1]
    assert "Set-Cookie" not in anonymous[2]


@pytest.mark.parametrize("url", ["/", "/account/", "/accounts/login/", "/no/such/page/", "/offline/", "/sw.js"])
def test_headers(client: Client, world: World, url: str) -> None:
    if url in {"/", "/account/"}:
        client.force_login(world.owner)
    answer = client.get(url)
    policy = answer["Content-Security-Policy"]
    assert "unsafe-inline" not in policy
    assert "unsafe-eval" not in policy.replace("wasm-unsafe-eval", "")
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'none'" in policy
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Referrer-Policy"] == "same-origin"
    assert "camera=(self)" in answer["Permissions-Policy"]


def test_nothing_inline_and_nothing_from_elsewhere() -> None:
    for path in TEMPLATES.rglob("*.html"):
        text = path.read_text()
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:", text), path
        assert not re.search(r'(?:src|href)="(?:https?:)?//', text), path


def test_htmx_sends_the_token_and_evaluates_nothing(client: Client, world: World) -> None:
    client.force_login(world.viewer)
    body = client.get("/").content.decode()
    assert re.search(r"<body [^>]*hx-headers='\{\"X-CSRFToken\": \"\w{64}\"\}'", body)
    assert '"includeIndicatorStyles":false,"allowEval":false' in body


def test_every_icon_is_in_the_sprite() -> None:
    sprite = Path(str(finders.find("vendor/icons/icons.svg"))).read_text()
    for path in TEMPLATES.rglob("*.html"):
        for name in re.findall(r'\{% icon "([\w-]+)"|icon="([\w-]+)" title', path.read_text()):
            assert f'id="{"".join(name)}"' in sprite, (path, name)


def test_manifest(client: Client, db: None) -> None:
    answer = client.get("/manifest.webmanifest")
    assert answer["Content-Type"] == "application/manifest+json"
    content = answer.json()
    assert (content["start_url"], content["scope"], content["display"]) == ("/", "/", "standalone")
    assert {(icon["sizes"], icon["purpose"]) for icon in content["icons"]} == {
        ("192x192", "any"),
        ("512x512", "any"),
        ("512x512", "maskable"),
    }
    for icon in content["icons"]:
        with Image.open(str(finders.find(unhashed(icon["src"])))) as picture:
            assert f"{picture.width}x{picture.height}" == icon["sizes"]


def test_service_worker(client: Client, world: World) -> None:
    anonymous = client.get("/sw.js")
    client.force_login(world.viewer)
    answer = client.get("/sw.js")
    assert answer.content == anonymous.content
    assert answer["Content-Type"].startswith("text/javascript")
    assert answer["Service-Worker-Allowed"] == "/"
    assert answer["Cache-Control"] == "no-cache"
    files = re.findall(r'"(/[^"]+)"', answer.content.decode())
    assert files
    assert all(file.startswith("/static/") or file == "/offline/" for file in files), "no page of a signed-in user"


def test_what_the_service_worker_keeps_exists() -> None:
    kept = [*views.SHELL, *views.SCANNER]
    assert [name for name in kept if not finders.find(name)] == []
    assert len(kept) == len(set(kept))  # a browser keeps nothing where one is named twice


def test_offline_page_is_the_same_for_everybody(client: Client, world: World) -> None:
    anonymous = client.get("/offline/")
    client.force_login(world.viewer)
    signed_in = client.get("/offline/")
    assert signed_in.status_code == 200
    assert signed_in.content == anonymous.content
    assert "Cookie" not in signed_in.get("Vary", "")


def test_favicon(client: Client, db: None) -> None:
    assert unhashed(client.get("/favicon.ico")["Location"]) == "img/favicon.png"


@pytest.mark.django_db
def test_the_sites_own_authority_is_offered_without_its_key(client: Client, settings: Any, tmp_path: Path) -> None:
    settings.TLS_AUTHORITY = str(tmp_path / "authority.pem")
    call_command("tls_certificate", "localhost", "*.devices.example", folder=tmp_path, stdout=StringIO())
    answer = client.get("/authority.pem")
    assert answer["Content-Disposition"] == 'attachment; filename="authority.pem"'
    assert x509.load_pem_x509_certificates(answer.content)[0].issuer.rfc4514_string() == "CN=Handover's own authority"
    assert b"KEY" not in answer.content
    settings.TLS_AUTHORITY = ""
    assert client.get("/authority.pem").status_code == 404
    with pytest.raises(CommandError, match="no host name"):
        call_command("tls_certificate", "a..b", folder=tmp_path)


@pytest.mark.parametrize("template", ["400.html", "500.html", "429.html", "429_uploads.html"])
def test_error_pages_need_no_context(template: str) -> None:
    from django.template.loader import render_to_string

    assert "<h1>" in render_to_string(template)


def test_a_broken_view_shows_the_plain_page(db: None) -> None:
    from django.views.defaults import server_error

    answer = server_error(RequestFactory().get("/"))
    assert answer.status_code == 500
    assert b"Something broke on our side" in answer.content


@pytest.mark.parametrize(
    "url", ["/", "/account/", "/manifest.webmanifest", "/sw.js", "/offline/", "/favicon.ico", "/authority.pem"]
)
def test_one_verb(client: Client, world: World, url: str) -> None:
    client.force_login(world.viewer)
    assert client.post(url).status_code == 405


def test_messages_that_nobody_looks_at_do_not_pile_up(client: Client, world: World) -> None:
    client.force_login(world.admin)
    for _ in range(30):
        client.post(f"/devices/{world.placed.serial}/unlock/")
    assert len(client.session["_messages"]) < 1_000 * 4
    page = client.get("/").content.decode()
    assert page.count("was not locked") == 20


@pytest.mark.parametrize("lacks", ["authority.pem", "authority.key", "its own key", "an EC key", "time"])
def test_an_authority_that_devices_trust_is_never_replaced_unasked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lacks: str
) -> None:
    if lacks == "time":
        monkeypatch.setattr(certificates, "AUTHORITY_LASTS", certificates.SERVER_LASTS)
    call_command("tls_certificate", "localhost", folder=tmp_path, stdout=StringIO())
    key = tmp_path / "authority.key"
    own = ec.generate_private_key(ec.SECP256R1()) if lacks == "its own key" else rsa.generate_private_key(65537, 2048)
    if lacks.endswith(" key"):
        key.write_bytes(own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (tmp_path / lacks).unlink(missing_ok=True)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(CommandError, match="can't be used"):
        call_command("tls_certificate", "localhost", folder=tmp_path)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
