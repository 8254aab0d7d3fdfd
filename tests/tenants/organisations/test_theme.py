"""Whatever colour an organisation has, text stays readable and shapes stay visible."""

from __future__ import annotations

import re
import struct
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils.html import escape
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from devices.labels import pdf
from lib import pictures, theme
from tenants.models import Organisation
from tenants.organisations import operations as organisations

if TYPE_CHECKING:
    from django.test import Client

    from tests.conftest import World


@cache
def png(width: int, height: int) -> bytes:
    out = BytesIO()
    Image.new("1", (width, height)).save(out, format="PNG")
    return out.getvalue()


TOKENS = Path(settings.BASE_DIR) / "static/css/tokens.css"
PNG = png(8, 8)
colours = st.tuples(*[st.integers(0, 255)] * 3)


def css_tokens(mode: str) -> dict[str, theme.Colour]:
    """The plain colours of one mode in tokens.css."""
    css = TOKENS.read_text()
    start = css.index("--ground: #f6f7f9" if mode == "light" else "--ground: #0d1117")
    block = css[start : css.index("}", start)]
    return {name: theme.parse_colour(code) for name, code in re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block)}


def test_known_contrasts() -> None:
    assert theme.contrast(theme.WHITE, theme.BLACK) == pytest.approx(21)
    assert theme.contrast(theme.parse_colour("#767676"), theme.WHITE) == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("mode", ["light", "dark"])
@given(colour=colours)
def test_every_colour_stays_readable(mode: str, colour: theme.Colour) -> None:
    parts, grounds = theme.derive_accent(colour, mode), theme.GROUNDS[mode]
    ink = css_tokens(mode)["ink"]
    assert theme.contrast(parts.on, parts.fill) >= 4.5
    assert theme.contrast(parts.on, parts.hover) >= 4.5
    assert all(theme.contrast(parts.text, ground) >= 4.5 for ground in (*grounds, parts.tint))
    assert all(theme.contrast(parts.edge, ground) >= 3 for ground in grounds[:2])
    assert theme.contrast(ink, parts.tint) >= 4.5


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("code", ["#0f5cc0", "#ffd400", "#000080"])
def test_a_button_has_the_organisation_s_very_colour(mode: str, code: str) -> None:
    assert theme.derive_accent(theme.parse_colour(code), mode).fill == theme.parse_colour(code)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_the_plain_look_is_readable_too(mode: str) -> None:
    tokens = css_tokens(mode)
    grounds = [tokens[name] for name in ("surface", "ground", "sunken")]
    assert tuple(grounds) == theme.GROUNDS[mode]
    for name in ("ink", "muted"):
        assert all(theme.contrast(tokens[name], ground) >= 4.5 for ground in grounds), name
    for name in ("good", "bad", "wait"):
        assert theme.contrast(tokens[name], tokens[f"{name}-tint"]) >= 4.5, name
        assert theme.contrast(tokens[name], tokens["surface"]) >= 4.5, name
    assert theme.contrast(tokens["rule-strong"], tokens["surface"]) >= 3


def test_site_css_holds_the_default_theme() -> None:
    """Strangers see Handover's own colour; it is the same as the theme of an organisation that keeps it."""
    css = TOKENS.read_text()
    for line in theme.render_stylesheet("#0f5cc0").splitlines():
        assert line in css


def address(world: World) -> str:
    return f"/theme/{world.kanarra.slug}-{world.kanarra.theme_digest}.css"


def test_one_s_own_theme(client: Client, world: World) -> None:
    client.force_login(world.viewer)
    response = client.get(address(world))
    assert (response.status_code, response["Content-Type"]) == (200, "text/css; charset=utf-8")
    assert "immutable" in response["Cache-Control"]
    assert "private" in response["Cache-Control"]
    assert b"--accent-fill: #0f5cc0" in response.content
    assert address(world) in client.get("/account/").content.decode()


def test_another_organisation_s_theme_is_not_there(client: Client, world: World) -> None:
    anonymous = client.get(address(world))
    client.force_login(world.stranger)
    foreign, absent = client.get(address(world)), client.get("/theme/nobody-0123456789ab.css")
    client.force_login(world.viewer)
    outdated = client.get(f"/theme/{world.kanarra.slug}-0123456789ab.css")
    assert {answer.status_code for answer in (anonymous, foreign, absent, outdated)} == {404}
    assert {answer.content for answer in (anonymous, foreign, absent, outdated)} == {absent.content}


def test_the_address_changes_with_the_colour(client: Client, world: World) -> None:
    before = address(world)
    world.kanarra.colour = "#a01234"
    world.kanarra.save(update_fields=["colour"])
    assert address(world) != before
    client.force_login(world.viewer)
    assert b"#a01234" in client.get(address(world)).content


def test_logo(client: Client, world: World) -> None:
    world.kanarra.logo = PNG
    world.kanarra.full_clean()
    world.kanarra.save(update_fields=["logo"])
    world.kanarra.refresh_from_db()
    logo = f"/logo/kanarra-{world.kanarra.logo_digest}.png"
    assert client.get(logo).status_code == 404
    client.force_login(world.stranger)
    assert client.get(logo).status_code == 404
    client.force_login(world.viewer)
    response = client.get(logo)
    assert (response.status_code, response["Content-Type"], response.content) == (200, "image/png", PNG)
    assert response["X-Content-Type-Options"] == "nosniff"
    assert logo in client.get("/account/").content.decode()


def test_a_logo_that_went_is_gone(client: Client, world: World) -> None:
    world.kanarra.logo = PNG
    world.kanarra.save()
    digest = world.kanarra.logo_digest
    world.kanarra.logo = None
    world.kanarra.save()
    client.force_login(world.viewer)
    assert client.get(f"/logo/kanarra-{digest}.png").status_code == 404
    assert client.get("/logo/kanarra-.png").status_code == 404


def test_a_picture_is_made_anew_and_small(world: World) -> None:
    noise = Image.effect_noise((1900, 1900), 90).convert("RGB")
    out = BytesIO()
    noise.resize((300, 300)).save(out, format="PNG", pnginfo=_text("<script>"))
    for picture in (out.getvalue(), png(2000, 2000)):
        organisations.change(organisation=world.kanarra, by=world.owner, logo=picture)
        kept = bytes(Organisation.objects.get(pk=world.kanarra.pk).logo or b"")
        assert max(Image.open(BytesIO(kept)).size) <= 600
        assert len(kept) <= pictures.KEPT
        assert b"script" not in kept
    assert organisations.change(organisation=world.kanarra, by=world.owner, logo=kept) == []


def _text(words: str) -> PngInfo:
    info = PngInfo()
    info.add_text("Comment", words)
    return info


def said_twice() -> bytes:
    """A small picture's size first, then a huge one's: 140 KB that would take 576 MB."""
    return PNG[:33] + png(12_000, 12_000)[8:]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"<svg onload=alert(1)>", pictures.NO_PNG),
        (b"GIF89a" + b"x" * 40, pictures.NO_PNG),
        (PNG[:8] + b"short", pictures.NO_PNG),
        (PNG[:-30], pictures.NO_PNG),
        (PNG[:16] + struct.pack(">II", 5000, 1000) + PNG[24:], pictures.NO_PNG),
        (png(2001, 2000), pictures.TOO_LARGE),
        (png(12_000, 12_000), pictures.TOO_LARGE),
        (said_twice(), pictures.TOO_LARGE),
        (PNG + b"\0" * pictures.LARGEST, pictures.TOO_LARGE),
    ],
    ids=["svg", "gif", "short", "cut", "wrong sum", "large", "huge", "said twice", "long"],
)
def test_only_a_modest_png_is_a_logo(client: Client, world: World, content: bytes, why: str) -> None:
    client.force_login(world.owner)
    logo = SimpleUploadedFile("logo.png", content, "image/png")
    same = {
        "name": "Kanarra",
        "window_seconds": "300",
        "label_content": "serial",
        "presence": "press",
        "activation_hours": "48",
    }
    answer = client.post("/settings/save/", {**same, "result_hours": "24", "colour": "#0f5cc0", "logo": logo})
    assert (answer.status_code, escape(why) in answer.content.decode()) == (422, True)
    with pytest.raises(ValidationError, match="logo"):
        organisations.change(organisation=world.kanarra, by=world.owner, logo=content)
    assert not Organisation.objects.get(pk=world.kanarra.pk).logo
    assert pdf.read_logo(content) is None  # one that was kept before there were bounds: labels go without it
