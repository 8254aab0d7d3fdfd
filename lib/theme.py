"""An organisation's colour as a stylesheet whose every pairing keeps the contrast that WCAG 2.2 AA asks for."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from lib import pictures

if TYPE_CHECKING:
    from collections.abc import Sequence

Colour = tuple[int, int, int]

TEXT = 4.5  # https://www.w3.org/TR/WCAG22/#contrast-minimum
SHAPE = 3.0  # https://www.w3.org/TR/WCAG22/#non-text-contrast
WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)
INK: Colour = (16, 21, 28)
# Where the accent stands in static/css/tokens.css: --surface, --ground, --sunken.
GROUNDS: dict[str, tuple[Colour, ...]] = {
    "light": (WHITE, (246, 247, 249), (238, 241, 244)),
    "dark": ((21, 27, 35), (13, 17, 23), (29, 37, 48)),
}


class Accent(NamedTuple):
    """Hold the accent in one mode: a button's fill, edge, text and hover; text and tint on the page's grounds."""

    fill: Colour
    edge: Colour
    on: Colour
    hover: Colour
    text: Colour
    tint: Colour


def parse_colour(colour: str) -> Colour:
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue


def format_colour(colour: Colour) -> str:
    return "#" + bytes(colour).hex()


def luminance(colour: Colour) -> float:
    """Return the relative luminance, 0 to 1: https://www.w3.org/TR/WCAG22/#dfn-relative-luminance"""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (part / 255 for part in colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: Colour, other: Colour) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def mix(colour: Colour, other: Colour, share: float) -> Colour:
    """Return `colour` with `share` (0 to 1) of `other` in it."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(colour, other, strict=True))
    return red, green, blue


def step_to_contrast(colour: Colour, *, towards: Colour, over: Sequence[Colour], ratio: float) -> Colour:
    """Return the nearest step from `colour` towards black or white that keeps `ratio` over all of these."""
    steps = (mix(colour, towards, step / 50) for step in range(51))
    return next((step for step in steps if all(contrast(step, ground) >= ratio for ground in over)), towards)


def derive_accent(colour: Colour, mode: str) -> Accent:
    grounds = GROUNDS[mode]
    away, share = (BLACK, 0.08) if mode == "light" else (WHITE, 0.18)
    on = WHITE if contrast(colour, WHITE) >= TEXT else INK
    fill = step_to_contrast(colour, towards=WHITE, over=[on], ratio=TEXT)
    tint = mix(grounds[0], colour, share)
    return Accent(
        fill=fill,
        edge=step_to_contrast(fill, towards=away, over=grounds[:2], ratio=SHAPE),
        on=on,
        hover=mix(fill, BLACK if on == WHITE else WHITE, 0.16),
        text=step_to_contrast(colour, towards=away, over=[*grounds, tint], ratio=TEXT),
        tint=tint,
    )


def render_stylesheet(colour: str) -> str:
    return "".join(_format_rule(mode, derive_accent(parse_colour(colour), mode)) for mode in GROUNDS)


def _format_rule(mode: str, parts: Accent) -> str:
    selector = ":root" if mode == "light" else '[data-bs-theme="dark"]'
    lines = [f"  --accent-{name}: {format_colour(part)};" for name, part in parts._asdict().items()]
    lines += [f"  --accent-{name}-rgb: {', '.join(map(str, getattr(parts, name)))};" for name in ("fill", "text")]
    return "\n".join([f"{selector} {{", *lines, "}\n"])


def digest(content: bytes) -> str:
    """Return a short name of a content, for addresses that never change what they answer."""
    return sha256(content).hexdigest()[:12]


def validate_logo(content: bytes) -> None:
    """Check that it is a PNG that can be decoded without harm. Raises ValidationError."""
    pictures.open_picture(content)
