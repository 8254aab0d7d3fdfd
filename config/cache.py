"""The site's cache, which forgets everything while Redis is away instead of failing or waiting."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import redis
from django.core.cache.backends.redis import RedisCache

from lib import redis_circuit

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)


class LenientRedisCache(RedisCache):
    """Let people sign in while Redis is away, or takes no writes; without limits meanwhile."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        options = {**redis_circuit.connection_options(), **params.get("OPTIONS", {})}
        super().__init__(server, {**params, "OPTIONS": options})
        self._url = server

    def add(self, *args: Any, **kwargs: Any) -> bool:
        return bool(self._ask(super().add, True, *args, **kwargs))

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        return self._ask(super().get, default, key, default, version)

    def set(self, *args: Any, **kwargs: Any) -> None:
        self._ask(super().set, None, *args, **kwargs)

    def touch(self, *args: Any, **kwargs: Any) -> bool:
        return bool(self._ask(super().touch, False, *args, **kwargs))

    def delete(self, *args: Any, **kwargs: Any) -> bool:
        return bool(self._ask(super().delete, False, *args, **kwargs))

    def get_many(self, *args: Any, **kwargs: Any) -> dict[Any, Any]:
        values: dict[Any, Any] = self._ask(super().get_many, {}, *args, **kwargs)
        return values

    def has_key(self, *args: Any, **kwargs: Any) -> bool:
        return bool(self._ask(super().has_key, False, *args, **kwargs))

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        """Return the new count, 0 while nobody counts."""
        return int(self._ask(super().incr, 0, key, delta, version))

    def set_many(self, *args: Any, **kwargs: Any) -> list[Any]:
        failed: list[Any] = self._ask(super().set_many, [], *args, **kwargs)
        return failed

    def delete_many(self, *args: Any, **kwargs: Any) -> None:
        self._ask(super().delete_many, None, *args, **kwargs)

    def _ask(self, do: Callable[..., Any], otherwise: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            with redis_circuit.asking(self._url):
                return do(*args, **kwargs)
        except redis_circuit.AWAY:
            return otherwise
        except redis.RedisError as error:
            log.warning("the cache refuses, going on without it: %s", error)
            return otherwise
