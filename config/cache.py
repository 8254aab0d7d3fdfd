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
    """People can sign in while Redis is away, or takes no writes; without limits meanwhile."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        options = {**redis_circuit.connection_options(), **params.get("OPTIONS", {})}
        super().__init__(server, {**params, "OPTIONS": options})
        self._url = server

    def add(self, *args: Any, **kwargs: Any) -> bool:
        return bool(self._asked(super().add, True, *args, **kwargs))

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        return self._asked(super().get, default, key, default, version)

    def set(self, *args: Any, **kwargs: Any) -> None:
        self._asked(super().set, None, *args, **kwargs)

    def touch(self, *args: Any, **kwargs: Any) -> bool:
        return bool(self._asked(super().touch, False, *args, **kwargs))

    def delete(self, *args: Any, **kwargs: Any) -> bool:
        return bool(self._asked(super().delete, False, *args, **kwargs))

    def get_many(self, *args: Any, **kwargs: Any) -> dict[Any, Any]:
        found: dict[Any, Any] = self._asked(super().get_many, {}, *args, **kwargs)
        return found

    def has_key(self, *args: Any, **kwargs: Any) -> bool:
        return bool(self._asked(super().has_key, False, *args, **kwargs))

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        """0 while nobody counts."""
        return int(self._asked(super().incr, 0, key, delta, version))

    def set_many(self, *args: Any, **kwargs: Any) -> list[Any]:
        failed: list[Any] = self._asked(super().set_many, [], *args, **kwargs)
        return failed

    def delete_many(self, *args: Any, **kwargs: Any) -> None:
        self._asked(super().delete_many, None, *args, **kwargs)

    def _asked(self, do: Callable[..., Any], otherwise: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            with redis_circuit.asking(self._url):
                return do(*args, **kwargs)
        except redis_circuit.AWAY:
            return otherwise
        except redis.RedisError as error:
            log.warning("the cache refuses, going on without it: %s", error)
            return otherwise
