"""What the tests of the import's pages share."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any

from asgiref.sync import async_to_sync
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import StreamingHttpResponse
from django.urls import reverse

if TYPE_CHECKING:
    from django.test import Client

    from devices.models import Import
    from tests.conftest import World


def address(importing: Import, name: str = "import") -> str:
    return reverse(f"devices:{name}", kwargs={"key": importing.key})


def send(client: Client, world: World, data: bytes, name: str = "serials.csv", **fields: Any) -> Any:
    file = SimpleUploadedFile(name, data, "text/csv")
    given = {"recipe": world.version.recipe_id, "file": file} | fields
    return client.post(reverse("devices:import-new"), given)


def words(answer: Any) -> str:
    """What the page says, without its tags, with plain apostrophes."""
    text = html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode()))
    return " ".join(text.replace("\u2019", "'").split())


def downloaded(answer: Any) -> str:
    assert isinstance(answer, StreamingHttpResponse)
    assert "attachment" in answer["Content-Disposition"]
    assert "no-store" in answer["Cache-Control"]

    @async_to_sync
    async def body() -> str:
        return b"".join([chunk async for chunk in answer]).decode("utf-8-sig")

    return body()


def matched(importing: Import, **fields: Any) -> dict[str, Any]:
    """The form as it comes filled in."""
    columns = {f"column-{number}": field for number, field in enumerate(importing.columns)}
    delimiter = "tab" if importing.delimiter == "\t" else importing.delimiter
    own = {"encoding": importing.encoding, "delimiter": delimiter, "all_or_nothing": "no"}
    return columns | own | fields
