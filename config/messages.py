"""What is to be said on the next page, kept in the session: of very much the last of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.messages.storage.session import SessionStorage

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST = 20


class Storage(SessionStorage):
    """Keep the last of them: a session, which each request reads whole, does not grow while nobody looks at a page."""

    def _store(self, messages: Sequence[Any], response: Any, *args: Any, **kwargs: Any) -> list[Any]:
        kept: list[Any] = super()._store(list(messages)[-MOST:], response, *args, **kwargs)  # type: ignore[misc]
        return kept
