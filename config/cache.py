from __future__ import annotations

from typing import Any

import redis
from django.core.cache.backends.redis import RedisCache


class LenientRedisCache(RedisCache):
    """Forgets everything while Redis is away, instead of failing: people can sign in, without limits meanwhile."""

    def add(self, *args: Any, **kwargs: Any) -> bool:
        try:
            return bool(super().add(*args, **kwargs))
        except redis.RedisError:
            return True

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        try:
            return super().get(key, default, version)
        except redis.RedisError:
            return default

    def set(self, *args: Any, **kwargs: Any) -> None:
        try:
            super().set(*args, **kwargs)
        except redis.RedisError:
            return

    def delete(self, *args: Any, **kwargs: Any) -> bool:
        try:
            return bool(super().delete(*args, **kwargs))
        except redis.RedisError:
            return False

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        """0 while nobody counts."""
        try:
            return int(super().incr(key, delta, version))
        except redis.RedisError:
            return 0
