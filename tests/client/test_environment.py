"""from_env: a client from variables."""

import dataclasses
from typing import Any

import pytest

from asyncsdk import (
    AsyncAnalytics,
    ConfigurationError,
    GetFluxly,
    Inslytic,
    PostHog,
    RudderStack,
    Segment,
)
from asyncsdk.client.environment import read_environment
from asyncsdk.collector import Collector
from tests.client.street import KEY, NOWHERE

BASE = {"WRITE_KEY": KEY, "DATA_PLANE_URL": NOWHERE}


def read(**variables: str) -> Any:
    """Read *variables*, given without their prefix."""
    return read_environment("ASYNCSDK_", {f"ASYNCSDK_{k}": v for k, v in variables.items()})


def options(**variables: str) -> Any:
    """Return the options that *variables* give beside a whole destination."""
    return read(**BASE, **variables)[1]


async def test_a_client_comes_from_the_environment(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Destination and options; a keyword of the call beats a variable."""
    for name, value in {
        "WRITE_KEY": KEY,
        "DATA_PLANE_URL": collector.url,
        "NAME": "main",
        "GZIP": "off",
        "DEFAULT_CONTEXT": '{"app": "shop"}',
    }.items():
        monkeypatch.setenv(f"SHOP_{name}", value)
    async with AsyncAnalytics.from_env("SHOP_", default_context={"app": "said"}) as client:
        client.track("E", user_id="u")
    assert repr(client) == "<AsyncAnalytics to main: 0 pending>"
    assert "content-encoding" not in collector.requests[0].headers
    assert collector.events[0].body["context"]["app"] == "said"


def test_rudderstack_is_the_default_and_takes_its_variables() -> None:
    """Each has its place."""
    destination, rest = read(
        WRITE_KEY=KEY,
        DATA_PLANE_URL="http://dataplane.example.com",
        PATH="/own",
        NAME="main",
        ALLOW_INSECURE_HTTP="yes",
    )
    assert destination == RudderStack(
        KEY, "http://dataplane.example.com", path="/own", name="main", allow_insecure_http=True
    )
    assert rest == {}


def test_segment_is_named() -> None:
    """In any case of letters; its host has a default."""
    destination, rest = read(DESTINATION="Segment", WRITE_KEY=KEY, FLUSH_AT="5")
    assert destination == Segment(KEY)
    assert rest == {"flush_at": 5}
    assert read(DESTINATION="segment", WRITE_KEY=KEY, HOST="https://eu.example.com")[0] == Segment(
        KEY, host="https://eu.example.com"
    )


def test_inslytic_takes_its_variables() -> None:
    """The key alone is enough; every field but its delivery can be said."""
    assert read(DESTINATION="inslytic", API_KEY=KEY) == (Inslytic(KEY), {})
    destination, rest = read(
        DESTINATION="inslytic",
        API_KEY=KEY,
        ENDPOINT="http://ingest.example.com",
        PATH="/own",
        IDENTIFY_TRAITS_IN="traits",
        STRINGIFY_PROPERTIES="no",
        NAME="main",
        ALLOW_INSECURE_HTTP="yes",
        MAX_RETRIES="1",
    )
    assert destination == Inslytic(
        KEY,
        endpoint="http://ingest.example.com",
        path="/own",
        identify_traits_in="traits",
        stringify_properties=False,
        name="main",
        allow_insecure_http=True,
    )
    assert rest == {"max_retries": 1}


def test_getfluxly_takes_its_variables() -> None:
    """The token alone is enough; every field but its delivery can be said."""
    assert read(DESTINATION="GetFluxly", TOKEN=KEY) == (GetFluxly(KEY), {})
    destination, rest = read(
        DESTINATION="getfluxly",
        TOKEN=KEY,
        API_HOST="https://eu.example.com",
        PATH="/own",
        ALIAS_PATH="/own/alias",
        TIMESTAMP_FIELD="timestamp",
        IDENTIFY_FORM="$identify",
        NAME="main",
        GZIP="on",
    )
    assert destination == GetFluxly(
        KEY,
        api_host="https://eu.example.com",
        path="/own",
        alias_path="/own/alias",
        timestamp_field="timestamp",
        identify_form="$identify",
        name="main",
    )
    assert rest == {"gzip": True}


def test_posthog_takes_its_variables() -> None:
    """The key alone is enough; numbers and yes and no are read from their texts."""
    assert read(DESTINATION="posthog", API_KEY=KEY) == (PostHog(KEY), {})
    destination, rest = read(
        DESTINATION="posthog",
        API_KEY=KEY,
        HOST="https://eu.posthog.com",
        PERSONAL_API_KEY="phx_personal",
        FEATURE_FLAGS_POLLING_INTERVAL="60",
        FLAGS_TIMEOUT="0.5",
        MAX_CACHE_SIZE="1000",
        DISABLE_GEOIP="no",
        FLUSH_AT="1",
    )
    assert destination == PostHog(
        KEY,
        host="https://eu.i.posthog.com",
        personal_api_key="phx_personal",
        feature_flags_polling_interval=60.0,
        flags_timeout=0.5,
        max_cache_size=1_000,
        disable_geoip=False,
    )
    assert rest == {"flush_at": 1}
    for name in ("FLAGS_TIMEOUT", "MAX_CACHE_SIZE"):
        with pytest.raises(ConfigurationError, match=f"^{name.lower()}: 'soon' does not fit"):
            read(DESTINATION="posthog", API_KEY=KEY, **{name: "soon"})


@pytest.mark.parametrize(
    ("destination", "made"),
    [("inslytic", Inslytic), ("getfluxly", GetFluxly), ("posthog", PostHog)],
)
def test_every_field_of_a_destination_has_a_variable(destination: str, made: type) -> None:
    """A new one is not forgotten."""
    fields = {field.name for field in dataclasses.fields(made)} - {"delivery"}
    texts = {name: f"https://{name.replace('_', '-')}.example.com" for name in fields}
    texts |= {"allow_insecure_http": "no", "stringify_properties": "no", "name": "n", "token": KEY}
    texts |= {"api_key": KEY, "path": "/p", "alias_path": "/a", "identify_form": "$identify"}
    texts |= dict.fromkeys(("disable_geoip", "is_server"), "no")
    texts |= dict.fromkeys(("only_evaluate_locally", "historical_migration"), "yes")
    texts |= dict.fromkeys(("feature_flags_polling_interval", "flags_timeout"), "5")
    texts |= dict.fromkeys(("max_cache_size", "max_definitions_bytes"), "5")
    texts |= {"personal_api_key": "phx_personal"}
    given = {name.upper(): texts[name] for name in fields}
    found, rest = read(DESTINATION=destination, **given)
    assert rest == {}
    default = made(KEY)
    same = {name for name in fields if getattr(found, name) == getattr(default, name)}
    assert same <= {"allow_insecure_http", "token", "api_key"}


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("FLUSH_AT", "5", 5),
        ("FLUSH_INTERVAL", "0.5", 0.5),
        ("MAX_BATCH_EVENTS", "7", 7),
        ("MAX_BATCH_BYTES", "1000", 1000),
        ("MAX_QUEUE_EVENTS", "8", 8),
        ("MAX_QUEUE_BYTES", "9", 9),
        ("MAX_TOTAL_BYTES", "10", 10),
        ("OVERFLOW", "raise", "raise"),
        ("INVALID", "drop", "drop"),
        ("STRICT", "true", True),
        ("MAX_RETRIES", "0", 0),
        ("RETRY_BASE", "2", 2.0),
        ("RETRY_CAP", "3", 3.0),
        ("JITTER", "0.5", 0.5),
        ("JITTER", "full", "full"),
        ("EXHAUSTED", "requeue", "requeue"),
        ("MAX_AGE", "60", 60.0),
        ("TIMEOUT", "0", 0.0),
        ("CONCURRENCY", "4", 4),
        ("GZIP", "0", False),
        ("PROBE_AFTER", "1", 1.0),
        ("PROBE_CAP", "2", 2.0),
        ("ENABLED", "No", False),
        ("DELIVER", "on", True),
        ("DEFAULT_CONTEXT", '{"a": {"b": 1}}', {"a": {"b": 1}}),
        ("INCLUDE_RUNTIME_CONTEXT", "1", True),
        ("LOG_LEVEL", "DEBUG", "DEBUG"),
        ("SHUTDOWN_TIMEOUT", "1.5", 1.5),
        ("EXIT_DRAIN", "0", 0.0),
        ("HANDLE_SIGNALS", "FALSE", False),
        ("PROXY", "http://proxy.example.com:3128", "http://proxy.example.com:3128"),
        ("TRUST_ENV", "yes", True),
    ],
)
def test_an_option_is_read_as_what_it_is(name: str, text: str, value: Any) -> None:
    """Numbers as numbers, yes and no as bools, objects as JSON."""
    found = options(**{name: text})
    assert found == {name.lower(): value}
    assert type(found[name.lower()]) is type(value)
    if name not in ("LOG_LEVEL", "DELIVER"):
        AsyncAnalytics(RudderStack(KEY, NOWHERE), **found)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("FLUSH_AT", "many", "'many' does not fit"),
        ("FLUSH_AT", "1.5", "does not fit"),
        ("TIMEOUT", "10s", "does not fit"),
        ("GZIP", "maybe", "'maybe' is neither true nor false"),
        ("ALLOW_INSECURE_HTTP", "maybe", "neither true nor false"),
        ("DEFAULT_CONTEXT", "[1]", "a JSON object is needed"),
        ("DEFAULT_CONTEXT", "{", "a JSON object is needed"),
        ("BEFORE_SEND", "print", "cannot be set by an environment variable"),
        ("STORE", "redis", "cannot be set by an environment variable"),
        ("FLUSHAT", "5", "cannot be set by an environment variable"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(name: str, text: str, words: str) -> None:
    """A variable with a typing error must not be ignored."""
    with pytest.raises(ConfigurationError, match=f"(?i)^{name}: .*{words}"):
        options(**{name: text})


@pytest.mark.parametrize("missing", ["WRITE_KEY", "DATA_PLANE_URL"])
@pytest.mark.parametrize("value", [None, ""])
def test_what_is_missing_or_empty_is_named_in_full(missing: str, value: str | None) -> None:
    """As it must be set."""
    variables = {name: text for name, text in BASE.items() if name != missing}
    if value is not None:
        variables[missing] = value
    with pytest.raises(ConfigurationError, match=f"^ASYNCSDK_{missing}: is not set"):
        read(**variables)


@pytest.mark.parametrize(
    ("destination", "missing"), [("inslytic", "API_KEY"), ("getfluxly", "TOKEN")]
)
def test_each_destination_needs_its_own_key(destination: str, missing: str) -> None:
    """Under the name that the vendor has for it."""
    with pytest.raises(ConfigurationError, match=f"^ASYNCSDK_{missing}: is not set"):
        read(DESTINATION=destination, WRITE_KEY=KEY)


def test_an_unknown_destination_is_told_what_is_known() -> None:
    """So that the next attempt is right."""
    with pytest.raises(
        ConfigurationError,
        match=r"^ASYNCSDK_DESTINATION: one of getfluxly, inslytic, posthog, rudderstack, segment",
    ):
        read(DESTINATION="elsewhere", WRITE_KEY=KEY)


def test_other_variables_are_left_alone() -> None:
    """Only what begins with the prefix is ours."""
    variables = {"MINE_WRITE_KEY": KEY, "MINE_DATA_PLANE_URL": NOWHERE, "ASYNCSDK_X": "1", "X": "1"}
    assert read_environment("MINE_", variables)[1] == {}


def test_errors_show_no_key() -> None:
    """Whatever is wrong, the key is not in the message."""
    with pytest.raises(ConfigurationError) as caught:
        read(WRITE_KEY=KEY + "\n", DATA_PLANE_URL=NOWHERE)
    assert KEY not in str(caught.value)
