"""What a browser's pretended camera sees: a still picture, or labels, as a motion-JPEG file."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import segno
from PIL import Image, ImageOps

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SIZE = (1280, 720)
FLAGS = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]


def code(text: str | segno.QRCode, module: int = 8, error: str = "q") -> Image.Image:
    """The QR code of `text` with its quiet zone, `module` pixels a module."""
    out = io.BytesIO()
    symbol = segno.make(text, error=error, micro=False) if isinstance(text, str) else text
    symbol.save(out, kind="png", scale=module, border=4)
    return Image.open(out).convert("RGB")


def scene(*texts: str | segno.QRCode, size: tuple[int, int] = SIZE, module: int = 8) -> Image.Image:
    """A grey surface with the codes of `texts` side by side in its middle."""
    picture = Image.new("RGB", size, (96, 99, 104))
    codes = [ImageOps.expand(code(text, module), 12, "white") for text in texts]
    left = (size[0] - sum(each.width for each in codes) - 24 * (len(codes) - 1)) // 2
    for each in codes:
        picture.paste(each, (left, (size[1] - each.height) // 2))
        left += each.width + 24
    return picture


def film(path: Path, pictures: Iterable[Image.Image]) -> Path:
    """Write `pictures` as a film that Chromium loops. The name must end in .mjpeg."""
    with path.open("wb") as out:
        for picture in pictures:
            picture.convert("RGB").save(out, "JPEG", quality=90)
    return path


def flags(path: Path) -> list[str]:
    """Chromium's arguments for a camera that shows the film at `path` and is always allowed."""
    return [*FLAGS, f"--use-file-for-fake-video-capture={path.resolve()}"]
