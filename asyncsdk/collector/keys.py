"""The key in a request's Authorization."""

import base64
import binascii


def basic_key(authorization: str) -> str:
    """Return the user of a Basic authorization, empty if there is none.

    Not UTF-8 is read as Latin-1: rudder-sdk-python 2.1.9 sends such keys that way.
    """
    scheme, _, packed = authorization.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        pair = base64.b64decode(packed.strip(), validate=True)
    except (binascii.Error, ValueError):
        return ""
    try:
        text = pair.decode()
    except UnicodeDecodeError:
        text = pair.decode("latin-1")
    key, colon, _ = text.partition(":")
    return key if colon else ""


def bearer_key(authorization: str | None) -> str:
    """Return the token of a Bearer authorization, empty if there is none."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
