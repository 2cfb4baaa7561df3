"""Sample answers: what servers say, and what proxies, portals and broken servers say instead."""

from __future__ import annotations

from collections.abc import Iterator

from asyncsdk.seams import HttpResponse

_JSON = {"content-type": "application/json"}
PAGE = HttpResponse(
    status=200,
    headers={"content-type": "text/html; charset=utf-8"},
    body=b"<!doctype html><title>Log in</title>",
)

#: Statuses with which a server means something; each sees every body.
TELLING = (200, 201, 202, 204, 207, 302, 400, 401, 409, 413, 422, 429, 500, 503)

_PLAIN = (b"", b"no", b"{}")

_BODIES = (
    *_PLAIN,
    b"null",
    b"[]",
    b"[1,2]",
    b"true",
    b"0",
    b'"text"',
    b"{",
    b"nul",
    b"NaN",
    b'{"a":NaN}',
    b"1e999",
    b"1" * 5_000,
    b"\xef\xbb\xbf{}",
    b"{}{}",
    '{"error":"utf-16"}'.encode("utf-16"),
    bytes(range(256)),
    b"\xff\xfe\x00",
    b'{"error":"\\ud800"}',
    "Größe \u2028 \u202e \x1b[31m".encode(),
    b"x" * 200_000,
    b"[" * 100_000,
    b'{"a":' * 50_000,
    PAGE.body,
)

# Words in which systems speak of single events; none of these names one that is there.
_NAMES = ("errors", "error", "rejected", "invalid", "failures", "message", "status", "code")
_VALUES = (
    b"null",
    b"true",
    b"-1",
    b"99",
    b"1e999",
    b'"text"',
    b'""',
    b"[]",
    b"{}",
    b'[null,1,"a",[]]',
    b'[{"index":-1},{"index":99},{"index":"0"},{"index":true},{"index":0.5},{"index":null}]',
    b'[{"index":99,"error":{"code":[]},"detail":{}}]',
    b'{"code":null,"message":[]}',
    b'{"code":{},"message":5}',
)

_HEADERS: tuple[dict[str, str], ...] = (
    {},
    {"retry-after": "soon", "date": "yesterday"},
    {"retry-after": "-1"},
    {"retry-after": "1e400"},
    {"retry-after": "nan"},
    {"retry-after": "Sat, 41 Nov 2026 09:00:00 GMT", "date": "Sat, 21 Nov 2026 09:00:00 GMT"},
    {"content-type": ""},
    {"content-type": "application/json; charset=nonsense"},
)


def answers() -> Iterator[HttpResponse]:
    """Yield every status with a few bodies, and the telling ones with every body and header."""
    for status in range(100, 600):
        for body in _PLAIN:
            yield HttpResponse(status=status, headers=_JSON, body=body)
    for status in TELLING:
        for body in _BODIES:
            yield HttpResponse(status=status, headers=_JSON, body=body)
        for headers in _HEADERS:
            yield HttpResponse(status=status, headers=headers, body=b"{}")
        for name in _NAMES:
            for value in _VALUES:
                body = b'{"%s":%s}' % (name.encode(), value)
                yield HttpResponse(status=status, headers=_JSON, body=body)


def answers_with(key: str) -> Iterator[HttpResponse]:
    """Yield answers that repeat *key* in all ways in which systems speak."""
    text = key.encode()
    for status in TELLING:
        yield HttpResponse(status=status, headers=_JSON, body=b"unknown key " + text)
        # Where the words are cut, the key must not be cut into a piece that is not found.
        yield HttpResponse(status=status, headers=_JSON, body=b"x" * 190 + text)
        for name in (*_NAMES, "detail"):
            yield HttpResponse(
                status=status, headers=_JSON, body=b'{"%s":"key %s"}' % (name.encode(), text)
            )
            body = b'{"error":{"code":"key-%s","message":"%s","%s":"%s"}}'
            yield HttpResponse(
                status=status, headers=_JSON, body=body % (text, text, name.encode(), text)
            )
        body = b'{"rejected":1,"errors":[{"index":0,"error":"%s","detail":"%s"}]}'
        yield HttpResponse(status=status, headers=_JSON, body=body % (text, text))
