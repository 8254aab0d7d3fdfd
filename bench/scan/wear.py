"""What time, weather, light and hands do to a label and to its picture. `much` is 0 to 1."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from io import BytesIO

from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter

Wear = Callable[[Image.Image, float, random.Random], Image.Image]

# Wear of the label itself: `much` runs from 0 to 1.


def scratched(label: Image.Image, much: float, rng: random.Random) -> Image.Image:
    pen = ImageDraw.Draw(label)
    for _ in range(int(2 + 34 * much)):
        x, y, angle = rng.random() * label.width, rng.random() * label.height, rng.random() * 6.3
        reach = label.width * (0.15 + 0.5 * rng.random())
        end = (x + reach * math.cos(angle), y + reach * math.sin(angle))
        pen.line([(x, y), end], fill=rng.choice((235, 200, 60)), width=rng.randint(2, 7))
    return label


def dirty(label: Image.Image, much: float, rng: random.Random) -> Image.Image:
    stain = Image.new("L", label.size, 255)
    pen = ImageDraw.Draw(stain)
    for _ in range(int(3 + 26 * much)):
        x, y = rng.random() * label.width, rng.random() * label.height
        radius = label.width * (0.01 + 0.05 * rng.random() * (0.5 + much))
        pen.ellipse([x - radius, y - radius, x + radius, y + radius], fill=rng.randint(30, 170))
    return ImageChops.multiply(label, stain.filter(ImageFilter.GaussianBlur(3)))


def torn(label: Image.Image, much: float, rng: random.Random) -> Image.Image:
    """A corner or an edge is gone, down to the metal below."""
    size = label.width * (0.06 + 0.34 * much)
    x, y = rng.choice(((0, 0), (label.width, 0), (0, label.height), (label.width, label.height)))
    ring = [
        (
            x + size * (0.8 + 0.4 * rng.random()) * math.cos(turn / 12 * 6.3),
            y + size * (0.8 + 0.4 * rng.random()) * math.sin(turn / 12 * 6.3),
        )
        for turn in range(12)
    ]
    ImageDraw.Draw(label).polygon(ring, fill=rng.randint(110, 190))
    return label


def faded(label: Image.Image, much: float, rng: random.Random) -> Image.Image:
    """Print bleached by the sun, unevenly."""
    pale = ImageEnhance.Contrast(label).enhance(1 - 0.93 * much)
    patch = Image.linear_gradient("L").resize(label.size).rotate(rng.choice((0, 90, 180, 270)))
    return Image.composite(pale, Image.blend(label, pale, 0.7), patch)


# Wear of the view.


def blurred(view: Image.Image, much: float, rng: random.Random) -> Image.Image:
    return view.filter(ImageFilter.GaussianBlur(0.5 + 5.5 * much))


def shaken(view: Image.Image, much: float, rng: random.Random) -> Image.Image:
    """Moved along a line while the shutter was open."""
    angle, reach = rng.random() * 3.2, 2 + 22 * much
    steps = max(2, int(reach))
    total = view
    for step in range(1, steps):
        off = reach * step / steps
        moved = ImageChops.offset(view, int(off * math.cos(angle)), int(off * math.sin(angle)))
        total = Image.blend(total, moved, 1 / (step + 1))
    return total


def noisy(view: Image.Image, much: float, rng: random.Random) -> Image.Image:
    dark = ImageEnhance.Brightness(view).enhance(1 - 0.55 * much)
    noise = Image.effect_noise(view.size, 10 + 150 * much)
    return ImageChops.add(dark, noise, scale=1, offset=-128)


def glare(view: Image.Image, much: float, rng: random.Random) -> Image.Image:
    """A lamp or the sun mirrored in a shiny label, near the code."""
    spot = Image.new("L", view.size, 0)
    reach = view.height * (0.04 + 0.19 * much)
    x = view.width * (0.5 + 0.14 * (rng.random() - 0.5))
    y = view.height * (0.5 + 0.2 * (rng.random() - 0.5))
    box = [x - reach * 1.6, y - reach * 0.7, x + reach * 1.6, y + reach * 0.7]
    ImageDraw.Draw(spot).ellipse(box, fill=255)
    spot = spot.rotate(rng.random() * 180, center=(x, y)).filter(ImageFilter.GaussianBlur(reach / 4))
    return ImageChops.add(view, spot)


def shadowed(view: Image.Image, much: float, rng: random.Random) -> Image.Image:
    """A hard shadow edge across the code, and a gradient of light."""
    shade = Image.new("L", view.size, 255)
    x = view.width * (0.42 + 0.16 * rng.random())
    lean = view.height * (rng.random() - 0.5)
    edge = [(x + lean, 0), (view.width, 0), (view.width, view.height), (x - lean, view.height)]
    ImageDraw.Draw(shade).polygon(edge, fill=int(255 * (1 - 0.96 * much)))
    return ImageChops.multiply(view, shade.filter(ImageFilter.GaussianBlur(4)))


ON_LABEL: dict[str, Wear] = {"scratches": scratched, "dirt": dirty, "tear": torn, "fade": faded}
ON_VIEW: dict[str, Wear] = {
    "blur": blurred,
    "motion": shaken,
    "noise": noisy,
    "glare": glare,
    "shadow": shadowed,
}

# Wear of the second family.


def rained(view: Image.Image, much: float, rng: random.Random) -> Image.Image:
    """Drops, each showing what is beside it, blurred."""
    soft = ImageChops.offset(view.filter(ImageFilter.GaussianBlur(14)), 40, 30)
    mask = Image.new("L", view.size, 0)
    pen = ImageDraw.Draw(mask)
    for _ in range(int(40 + 500 * much)):
        x, y, radius = rng.random() * view.width, rng.random() * view.height, rng.uniform(8, 38)
        pen.ellipse([x - radius, y - radius, x + radius, y + radius], fill=230)
    return Image.composite(soft, view, mask)


def hazy(view: Image.Image, much: float, rng: random.Random) -> Image.Image:
    """Against the sun: a veil of light, unfocused."""
    veil = Image.blend(view, Image.new("L", view.size, 225), 0.3 + 0.6 * much)
    return veil.filter(ImageFilter.GaussianBlur(2 + 12 * much))


def compressed(view: Image.Image, much: float, rng: random.Random) -> Image.Image:
    out = BytesIO()
    view.resize((int(view.width * (1 - 0.75 * much)), int(view.height * (1 - 0.75 * much)))).save(
        out, "JPEG", quality=int(60 - 52 * much)
    )
    return Image.open(out).resize(view.size)


def curved(view: Image.Image, much: float, rng: random.Random) -> Image.Image:
    """On a pipe: the columns shrink towards the sides."""
    strips, bend = [], 0.2 + 1.1 * much
    count = 48
    edges = [0.5 + 0.5 * math.sin(bend * (2 * i / count - 1)) / math.sin(bend) for i in range(count + 1)]
    for index in range(count):
        box = (int(edges[index] * view.width), 0, int(edges[index + 1] * view.width), view.height)
        left, right = view.width * index // count, view.width * (index + 1) // count
        strips.append(
            (
                (left, 0, right, view.height),
                (box[0], 0, box[0], view.height, box[2], view.height, box[2], 0),
            )
        )
    return view.transform(view.size, Image.Transform.MESH, strips, Image.Resampling.BILINEAR)


UNSEEN: dict[str, Wear] = {
    "rain": rained,
    "haze": hazy,
    "jpeg": compressed,
    "pipe": curved,
    "night": lambda view, much, rng: noisy(view, 0.5 + 0.5 * much, rng),
}
