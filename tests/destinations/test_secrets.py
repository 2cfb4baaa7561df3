"""A Secret can be used and compared; whatever shows it shows no key."""

from __future__ import annotations

import base64
import copy
import json
import logging
import pickle

import msgspec
import pytest

from asyncsdk.destinations import Secret

KEY = "planted-write-key-1234567890"
SHORT = "short-key"


def shown(secret: Secret) -> list[str]:
    """Return all the ways in which a text is made of it."""
    record = logging.LogRecord("n", logging.INFO, "p", 1, "%s %r", (secret, secret), None)
    return [
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret!r:>60}",
        f"{secret:>60}",
        format(secret, "s"),
        "%s" % secret,  # noqa: UP031 - one of the ways
        "{0} {0!r}".format(secret),  # noqa: UP032 - another
        repr([secret]),
        repr({"key": secret}),
        record.getMessage(),
        str(ValueError(secret)),
    ]


@pytest.mark.parametrize("key", [KEY, SHORT, "x"])
def test_no_text_made_of_a_secret_holds_the_key(key: str) -> None:
    """A log line, an error or a debugger's view gives nothing away."""
    texts = shown(Secret(key))
    assert [text for text in texts if key in text or key[:6] in text] == []
    assert all("***" in text for text in texts)


def test_a_long_key_shows_its_end() -> None:
    """Enough to tell two keys apart, of a key that is long enough to lose three letters."""
    assert [repr(Secret(key)) for key in (KEY, "123456789012", "12345678901", "")] == [
        "***890",
        "***012",
        "***",
        "***",
    ]


@pytest.mark.parametrize("end", ["***890", "***"])
def test_what_repeats_a_key_shows_its_end_instead(end: str) -> None:
    """In plain words and in the form of a header: enough to see which of two keys was meant."""
    key = KEY if end == "***890" else SHORT
    header = base64.b64encode(f"{key}:".encode()).decode()
    text = f"unknown key {key}, sent as Basic {header}"
    assert Secret(key).mask(text) == f"unknown key {end}, sent as Basic {end}"


def test_the_key_is_there_for_who_asks() -> None:
    """Only the rooms that write to the wire do."""
    assert Secret(KEY).reveal() == Secret(Secret(KEY)).reveal() == KEY


def test_secrets_compare_by_their_keys() -> None:
    """Equal keys are equal secrets with equal hashes; a plain text is none."""
    assert Secret(KEY) == Secret(KEY)
    assert hash(Secret(KEY)) == hash(Secret(KEY))
    assert len({Secret(KEY), Secret(KEY), Secret(SHORT)}) == 2
    assert Secret(KEY) != Secret(SHORT)
    assert Secret(KEY) != KEY
    assert hash(Secret(KEY)) != hash(KEY)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_secret_cannot_be_pickled(protocol: int) -> None:
    """Keys do not travel with data, to another process or into a cache."""
    with pytest.raises(TypeError, match="Secret cannot be pickled"):
        pickle.dumps({"key": Secret(KEY)}, protocol)


def test_a_secret_cannot_be_encoded() -> None:
    """Neither library writes an object that it does not know."""
    with pytest.raises(TypeError):
        json.dumps(Secret(KEY))
    with pytest.raises(TypeError):
        msgspec.json.encode(Secret(KEY))


def test_a_copy_of_a_secret_is_itself() -> None:
    """Configurations are copied deeply; the key need not be."""
    secret = Secret(KEY)
    assert copy.copy(secret) is secret
    assert copy.deepcopy({"key": secret})["key"] is secret


def test_a_secret_has_no_dict() -> None:
    """`vars` and what dumps attributes find nothing."""
    assert not hasattr(Secret(KEY), "__dict__")
