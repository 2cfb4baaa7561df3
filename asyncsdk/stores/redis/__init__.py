"""Redis: the store that many machines share."""

from asyncsdk.stores.redis.store import RedisStore

__all__ = ["RedisStore"]
