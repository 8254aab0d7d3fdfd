"""Worn labels, from easy to hopeless, drawn from a seed: what a camera or a photo would show."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from io import BytesIO
from typing import TYPE_CHECKING

import segno
import zxingcpp
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from bench.scan.wear import ON_LABEL, ON_VIEW, UNSEEN, dirty

if TYPE_CHECKING:
    from collections.abc import Iterator

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
FRAME = (1280, 720)
PHOTO = (3024, 2268)
STEPS = 6  # grades of wear, 0 easy .. 5 hopeless


@dataclass(frozen=True)
class Label:
    name: str
    text: str
    wear: str
    grade: int
    picture: Image.Image


def serial(rng: random.Random) -> str:
    return "".join(rng.choices(ALPHABET, k=12))


def symbol(text: str, module: int = 16) -> Image.Image:
    out = BytesIO()
    segno.make(text, error="q", micro=False).save(out, kind="png", scale=module, border=3)
    return Image.open(out).convert("L")


MODULES = 31  # along one side of `symbol`, with its border
FINE_FRAME = (2560, 1440)
FULL_PHOTO = (4032, 3024)


def further(text: str, kind: zxingcpp.BarcodeFormat, module: int) -> Image.Image:
    """Another symbol than QR, in the middle of a square."""
    drawn = zxingcpp.write_barcode_to_image(zxingcpp.create_barcode(text, kind), scale=module, add_quiet_zones=True)
    code = Image.fromarray(drawn).convert("L")
    side = max(code.size)
    square = Image.new("L", (side, side), 255)
    square.paste(code, ((side - code.width) // 2, (side - code.height) // 2))
    return square


FURTHER: dict[str, Callable[[str], Image.Image]] = {
    "Data Matrix": lambda text: further(text, zxingcpp.BarcodeFormat.DataMatrix, 16),
    "Code 128": lambda text: further(text, zxingcpp.BarcodeFormat.Code128, 5),
}

SHAPES = ("far", "tilt", "turn")  # small in the frame, seen from the side, rotated
WORN = (*ON_LABEL, *ON_VIEW, *SHAPES, "mixed", "mixed-far")


def surface(size: tuple[int, int], rng: random.Random) -> Image.Image:
    """What the label is stuck on: brushed metal, of some brightness."""
    small = Image.effect_noise((size[0] // 16, size[1] // 4), rng.uniform(5, 40))
    flat = ImageChops.add(small, Image.new("L", small.size, 0), offset=rng.randint(-70, 60))
    return flat.resize(size, Image.Resampling.BICUBIC)


def corners(size: float, tilt: float, turn: float, rng: random.Random) -> list[tuple[float, float]]:
    """Where the label's corners appear, around the origin, seen `tilt` radians from the side."""
    side, depth = rng.random() * 6.3, 2.6 * size
    found = []
    for right, down in ((-1, -1), (-1, 1), (1, 1), (1, -1)):
        x = (right * math.cos(turn) - down * math.sin(turn)) * size / 2
        y = (right * math.sin(turn) + down * math.cos(turn)) * size / 2
        along, across = (
            x * math.cos(side) + y * math.sin(side),
            y * math.cos(side) - x * math.sin(side),
        )
        near = depth / (depth + along * math.sin(tilt))
        along, across = along * math.cos(tilt) * near, across * near
        found.append(
            (
                along * math.cos(side) - across * math.sin(side),
                along * math.sin(side) + across * math.cos(side),
            )
        )
    return found


def coefficients(quad: list[tuple[float, float]], size: tuple[int, int]) -> list[float]:
    """Pillow's perspective transform that puts an image of `size` onto `quad`."""
    width, height = size
    rows = []
    for (x, y), (u, v) in zip(quad, ((0, 0), (0, height), (width, height), (width, 0)), strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y, u])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y, v])
    return solve(rows)


def solve(rows: list[list[float]]) -> list[float]:
    """Gauss and Jordan, with pivots."""
    count = len(rows)
    for column in range(count):
        best = max(range(column, count), key=lambda row: abs(rows[row][column]))
        rows[column], rows[best] = rows[best], rows[column]
        lead = rows[column][column]
        rows[column] = [value / lead for value in rows[column]]
        for row in range(count):
            if row != column:
                factor = rows[row][column]
                rows[row] = [a - factor * b for a, b in zip(rows[row], rows[column], strict=True)]
    return [row[-1] for row in rows]


def place(
    label: Image.Image,
    ground: Image.Image,
    size: float,
    tilt: float,
    turn: float,
    rng: random.Random,
) -> Image.Image:
    """The label on the ground, `size` pixels wide, somewhere near the middle."""
    while label.width > 2 * size:  # a transform samples points: shrink first, as a lens would
        label = label.reduce(2)
    x = ground.width * (0.5 + 0.16 * (rng.random() - 0.5))
    y = ground.height * (0.5 + 0.16 * (rng.random() - 0.5))
    quad = [(x + dx, y + dy) for dx, dy in corners(size, tilt, turn, rng)]
    how = (ground.size, Image.Transform.PERSPECTIVE, coefficients(quad, label.size))
    drawn = label.transform(*how, resample=Image.Resampling.BICUBIC)
    mask = Image.new("L", label.size, 255).transform(*how, resample=Image.Resampling.BILINEAR)
    return Image.composite(drawn, ground, mask)


def draw(
    wear: str, much: float, size: tuple[int, int], rng: random.Random, symbol: Callable[[str], Image.Image]
) -> tuple[str, Image.Image]:
    text = serial(rng)
    label = symbol(text)
    several = rng.sample([*ON_LABEL, *ON_VIEW], 3) if wear.startswith("mixed") else [wear]
    part = much if len(several) == 1 else 0.2 + 0.45 * much
    for name in several:
        if name in ON_LABEL:
            label = ON_LABEL[name](label, part, rng)
    wide = size[1] * rng.uniform(0.3, 0.42)
    if "far" in wear:
        wide = size[1] * (0.16 - 0.115 * much)
    tilt = (0.3 + 1.05 * much) if wear == "tilt" else rng.uniform(0, 0.35)
    turn = rng.random() * 6.3 if wear in ("turn", "tilt") else rng.uniform(-0.2, 0.2)
    view = place(label, surface(size, rng), wide, tilt, turn, rng)
    for name in several:
        if name in ON_VIEW:
            view = ON_VIEW[name](view, part, rng)
    return text, view.filter(ImageFilter.GaussianBlur(0.6))


def worn(count: int, seed: int = 1, symbol: Callable[[str], Image.Image] = symbol) -> Iterator[Label]:
    """`count` camera frames for each kind of wear, the grades evenly among them."""
    for wear in WORN:
        for index in range(count):
            rng = random.Random(f"{seed}/{wear}/{index}")
            grade = index % STEPS
            text, view = draw(wear, grade / (STEPS - 1), FRAME, rng, symbol)
            yield Label(f"{wear}-{index:02}", text, wear, grade, view)


# The second family: other surfaces, lights and wear, and as large as a phone's photo.


def plastic(size: tuple[int, int], rng: random.Random) -> Image.Image:
    """A printed housing: panels, screws and text-like bars, which a finder could mistake."""
    ground = Image.new("L", size, rng.randint(20, 235))
    pen = ImageDraw.Draw(ground)
    for _ in range(60):
        x, y = rng.random() * size[0], rng.random() * size[1]
        wide, high = rng.random() * size[0] / 8, rng.random() * size[1] / 24
        pen.rectangle([x, y, x + wide, y + high], fill=rng.randint(0, 255))
    for _ in range(12):
        x, y, radius = rng.random() * size[0], rng.random() * size[1], size[1] / 40
        pen.ellipse([x - radius, y - radius, x + radius, y + radius], fill=90, outline=10, width=9)
    return ground


def photos(count: int, seed: int = 1) -> Iterator[Label]:
    """`count` photos for each kind of wear that the camera frames don't have."""
    for wear, apply in UNSEEN.items():
        for index in range(count):
            rng = random.Random(f"{seed}/{wear}/{index}")
            grade = index % STEPS
            much = grade / (STEPS - 1)
            text = serial(rng)
            label = dirty(symbol(text, 24), 0.3 * much, rng)
            wide = PHOTO[1] * (rng.uniform(0.1, 0.4))
            view = place(label, plastic(PHOTO, rng), wide, rng.uniform(0, 0.6), rng.random() * 6.3, rng)
            yield Label(f"{wear}-{index:02}", text, wear, grade, apply(view, much, rng))


# The third family: labels whose modules are a pixel or few, and nothing else is wrong with them.


def grain(view: Image.Image, blur: float, sigma: float) -> Image.Image:
    """What a sharp lens and a sensor in daylight add."""
    noise = Image.effect_noise(view.size, sigma)
    return ImageChops.add(view.filter(ImageFilter.GaussianBlur(blur)), noise, scale=1, offset=-128)


def far(count: int, seed: int = 1) -> Iterator[Label]:
    """`count` photos of 12 megapixels with a label whose modules are 1.1 to 2.5 pixels."""
    for index in range(count):
        rng = random.Random(f"{seed}/far/{index}")
        text, share = serial(rng), index / max(1, count - 1)
        ground = plastic(FULL_PHOTO, rng)
        wide = MODULES * (1.1 + 1.4 * share)
        view = place(symbol(text, 8), ground, wide, rng.uniform(0, 0.4), rng.random() * 6.3, rng)
        yield Label(f"far-photo-{index:02}", text, "far", STEPS - 1 - int(share * (STEPS - 0.01)), grain(view, 0.8, 14))


def small(count: int, seed: int = 1) -> Iterator[Label]:
    """
    `count` camera frames of 2560 x 1440 with a label of 8 to 10 mm as a phone sees it from a hand's
    length: 1.7 to 4.3 pixels a module there, half of that at 1280 x 720.
    """
    for index in range(count):
        rng = random.Random(f"{seed}/small/{index}")
        text, share = serial(rng), index / max(1, count - 1)
        ground = surface(FINE_FRAME, rng)
        wide = MODULES * (1.7 + 2.6 * share)
        view = place(symbol(text, 8), ground, wide, rng.uniform(0, 0.35), rng.uniform(-0.4, 0.4), rng)
        yield Label(f"small-{index:02}", text, "small", STEPS - 1 - int(share * (STEPS - 0.01)), grain(view, 1.0, 18))


def coarse(label: Label) -> Label:
    """The same view from a camera of 1280 x 720."""
    return replace(
        label,
        name=f"{label.name}-coarse",
        wear="small-coarse",
        picture=label.picture.resize(FRAME, Image.Resampling.BOX),
    )
