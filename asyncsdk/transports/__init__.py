"""Transports: how bytes go out and answers come back, one module each."""

from asyncsdk.transports.aio import AiohttpTransport

__all__ = ["AiohttpTransport"]
