"""Colours are mixed, measured and written as the stylesheet and WCAG have them."""

from __future__ import annotations

import re

import pytest

from lib import theme


@pytest.mark.parametrize(
    ("code", "colour"), [("#0f5cc0", (15, 92, 192)), ("FFD400", (255, 212, 0)), ("#000000", (0, 0, 0))]
)
def test_a_colour_is_three_bytes_in_hex(code: str, colour: theme.Colour) -> None:
    assert theme.parse_colour(code) == colour
    assert theme.format_colour(colour) == f"#{code.removeprefix('#').lower()}"


@pytest.mark.parametrize("wrong", ["#fff", "#0f5cc0ff", "#0f5cgg", "", "red"])
def test_what_is_no_colour_is_no_colour(wrong: str) -> None:
    with pytest.raises(ValueError):
        theme.parse_colour(wrong)


@pytest.mark.parametrize(
    ("code", "luminance"),
    [("#ffffff", 1.0), ("#000000", 0.0), ("#ff0000", 0.2126), ("#00ff00", 0.7152), ("#0000ff", 0.0722),
     ("#808080", 0.2159), ("#0a0a0a", 0.00304), ("#0b0b0b", 0.00335)],
)  # fmt: skip
def test_luminance_is_wcags(code: str, luminance: float) -> None:
    assert theme.luminance(theme.parse_colour(code)) == pytest.approx(luminance, abs=5e-5)


def test_contrast_is_the_same_either_way() -> None:
    grey = theme.parse_colour("#767676")
    assert theme.contrast(grey, theme.WHITE) == theme.contrast(theme.WHITE, grey) == pytest.approx(4.54, abs=0.01)
    assert theme.contrast(grey, grey) == 1.0


def test_a_mix_has_a_share_of_the_other() -> None:
    assert theme.mix((0, 100, 200), (100, 100, 100), 0.25) == (25, 100, 175)
    assert theme.mix(theme.WHITE, theme.BLACK, 0) == theme.WHITE
    assert theme.mix(theme.WHITE, theme.BLACK, 1) == theme.BLACK


def test_a_step_to_contrast_is_the_nearest_that_keeps_it() -> None:
    dark, yellow = theme.parse_colour("#003366"), theme.parse_colour("#ffd400")
    assert theme.step_to_contrast(dark, towards=theme.BLACK, over=[theme.WHITE], ratio=4.5) == dark
    stepped = theme.step_to_contrast(yellow, towards=theme.BLACK, over=[theme.WHITE], ratio=4.5)
    assert theme.contrast(stepped, theme.WHITE) >= 4.5
    before = max(
        step for step in range(51) if theme.contrast(theme.mix(yellow, theme.BLACK, step / 50), theme.WHITE) < 4.5
    )
    assert stepped == theme.mix(yellow, theme.BLACK, (before + 1) / 50)


def test_where_no_step_does_the_end_is_the_best() -> None:
    over = [theme.WHITE, theme.BLACK]
    assert theme.step_to_contrast((1, 2, 3), towards=theme.WHITE, over=over, ratio=21) == theme.WHITE


@pytest.mark.parametrize(("code", "on"), [("#0f5cc0", theme.WHITE), ("#ffd400", theme.INK), ("#767676", theme.WHITE)])
def test_a_button_is_written_in_white_where_that_is_read(code: str, on: theme.Colour) -> None:
    for mode in theme.GROUNDS:
        accent = theme.derive_accent(theme.parse_colour(code), mode)
        assert accent.on == on
        darker = theme.luminance(accent.hover) < theme.luminance(accent.fill)
        assert darker is (on == theme.WHITE)


def test_the_tint_is_faint_on_light_and_stronger_on_dark() -> None:
    colour = theme.parse_colour("#ff0000")
    assert theme.derive_accent(colour, "light").tint == theme.mix(theme.WHITE, colour, 0.08)
    assert theme.derive_accent(colour, "dark").tint == theme.mix(theme.GROUNDS["dark"][0], colour, 0.18)


def test_the_stylesheet_names_each_part_in_both_modes() -> None:
    light, dark = theme.render_stylesheet("#0f5cc0").split("}\n")[:2]
    assert light.startswith(":root {\n")
    assert dark.startswith('[data-bs-theme="dark"] {\n')
    names = {*theme.Accent._fields, "fill-rgb", "text-rgb"}
    for mode, rule in (("light", light), ("dark", dark)):
        written = dict(re.findall(r"^  --accent-([\w-]+): ([^;]+);$", rule, re.MULTILINE))
        assert {*written} == names
        accent = theme.derive_accent(theme.parse_colour("#0f5cc0"), mode)
        assert written["edge"] == theme.format_colour(accent.edge)
        assert written["text-rgb"] == ", ".join(map(str, accent.text))


def test_a_digest_changes_with_the_content_alone() -> None:
    assert theme.digest(b"logo") == theme.digest(b"lo" + b"go")
    assert theme.digest(b"logo") != theme.digest(b"logp")
    assert re.fullmatch("[0-9a-f]{12}", theme.digest(b""))
