"""Environment: a destination and its options, from variables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from asyncsdk.client.settings import Options, environment, from_text, read_bool
from asyncsdk.destinations import GetFluxly, Inslytic, PostHog, RudderStack, Segment
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
    key = _needed(prefix, found, "write_key")
    url = _needed(prefix, found, "data_plane_url")
    return RudderStack(key, url, **_given(found, "path"))


def _segment(prefix: str, found: dict[str, str]) -> Destination:
    key = _needed(prefix, found, "write_key")
    return Segment(key, **_given(found, "host", "path"))


def _inslytic(prefix: str, found: dict[str, str]) -> Destination:
    key = _needed(prefix, found, "api_key")
    given = _given(found, "endpoint", "path", "identify_traits_in")
    return Inslytic(key, **given, **_flags(found, "stringify_properties"))


def _posthog(prefix: str, found: dict[str, str]) -> Destination:
    key = _needed(prefix, found, "api_key")
    given = _given(found, "host", "path", "personal_api_key", "flag_definitions")
    numbers = {
        **_numbers(found, float, "feature_flags_polling_interval", "flags_timeout"),
        **_numbers(found, int, "max_cache_size", "max_definitions_bytes"),
    }
    flags = ("only_evaluate_locally", "historical_migration", "disable_geoip", "is_server")
    return PostHog(key, **given, **numbers, **_flags(found, *flags))


def _getfluxly(prefix: str, found: dict[str, str]) -> Destination:
    token = _needed(prefix, found, "token")
    fields = ("api_host", "path", "alias_path", "timestamp_field", "identify_form")
    return GetFluxly(token, **_given(found, *fields))


_MAKERS: dict[str, Callable[[str, dict[str, str]], Destination]] = {
    "getfluxly": _getfluxly,
    "inslytic": _inslytic,
    "posthog": _posthog,
    "rudderstack": _rudderstack,
    "segment": _segment,
}


def _needed(prefix: str, found: dict[str, str], name: str) -> str:
    if name not in found:
        raise ConfigurationError(f"{prefix}{name.upper()}: is not set")
    return found.pop(name)


def _given(found: dict[str, str], *names: str) -> dict[str, Any]:
    """Take the fields of a destination that are set: these texts, and what all have."""
    texts: dict[str, Any] = {name: found.pop(name) for name in (*names, "name") if name in found}
    return {**texts, **_flags(found, "allow_insecure_http")}


def _flags(found: dict[str, str], *names: str) -> dict[str, Any]:
    return {name: read_bool(name, found.pop(name)) for name in names if name in found}


def _numbers(found: dict[str, str], kind: type[int] | type[float], *names: str) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for name in names:
        if name in found:
            text = found.pop(name)
            try:
                given[name] = msgspec.convert(text, kind, strict=False)
            except msgspec.ValidationError:
                raise ConfigurationError(f"{name}: {text!r} does not fit") from None
    return given
