"""Environment: a destination and its options, from variables."""

from __future__ import annotations

from collections.abc import Mapping

from asyncsdk.client.settings import Options, environment, from_text, read_bool
from asyncsdk.destinations import RudderStack, Segment
from asyncsdk.errors import ConfigurationError
from asyncsdk.seams import Destination


def read_environment(prefix: str, environ: Mapping[str, str]) -> tuple[Destination, Options]:
    """Return the destination and the options that variables with *prefix* describe.

    Raises:
        ConfigurationError: A variable is missing, unknown, or does not fit.
    """
    found = environment(prefix, environ)
    kind = found.pop("destination", "rudderstack").lower()
    if kind not in _MAKERS:
        raise ConfigurationError(
            f"{prefix}DESTINATION: one of {', '.join(sorted(_MAKERS))} is needed"
        )
    destination = _MAKERS[kind](prefix, found)
    options: Options = {}
    for name, text in found.items():
        options[name] = from_text(name, text)  # type: ignore[literal-required]  # read() checks it
    return destination, options


def _rudderstack(prefix: str, found: dict[str, str]) -> Destination:
    return RudderStack(
        _needed(prefix, found, "write_key"),
        _needed(prefix, found, "data_plane_url"),
        path=found.pop("path", "/v1/batch"),
        name=found.pop("name", ""),
        allow_insecure_http=_flag(found),
    )


def _segment(prefix: str, found: dict[str, str]) -> Destination:
    return Segment(
        _needed(prefix, found, "write_key"),
        host=found.pop("host", "https://api.segment.io"),
        path=found.pop("path", "/v1/batch"),
        name=found.pop("name", ""),
        allow_insecure_http=_flag(found),
    )


_MAKERS = {"rudderstack": _rudderstack, "segment": _segment}


def _needed(prefix: str, found: dict[str, str], name: str) -> str:
    if name not in found:
        raise ConfigurationError(f"{prefix}{name.upper()}: is not set")
    return found.pop(name)


def _flag(found: dict[str, str]) -> bool:
    text = found.pop("allow_insecure_http", "false")
    return read_bool("allow_insecure_http", text)
