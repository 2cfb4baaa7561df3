"""The flag definitions that the collector serves and answers by."""

from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from asyncsdk.errors import InvalidResponseError
from asyncsdk.flags import Definitions

_EMPTY = b'{"flags":[],"group_type_mapping":{},"cohorts":{}}'


class _Filters(Struct):
    payloads: dict[str, Any] | None = None


class Flag(Struct):
    """Holds of one definition what an answer tells beside the value."""

    key: str
    id: int | None = None
    version: int | None = None
    active: bool = True
    has_experiment: bool | None = None
    evaluation_runtime: str | None = None
    filters: _Filters | None = None

    @property
    def payloads(self) -> Mapping[str, Any]:
        """Return the payloads, JSON in text, by variant; `true` without variants."""
        return (self.filters.payloads if self.filters else None) or {}


class _Definitions(Struct):
    flags: list[Flag]
    minimal_flag_called_events: bool = False


msgspec.json.Decoder(_Definitions)  # makes it ready while one thread is here, see `client.gate`


def _without_continuity(text: bytes) -> bytes:
    """Let flags that stay with a person be decided here: we are the server that knows them."""
    if b'"ensure_experience_continuity"' not in text:
        return text
    content = msgspec.json.decode(text)
    for flag in content["flags"]:
        flag["ensure_experience_continuity"] = False
    return msgspec.json.encode(content)


class FlagBook:
    """Holds one set of definitions; `values` go before what they say, for everyone.

    Args:
        source: A file or the bytes of one, as `/flags/definitions` answers; None for no flags.
        values: What flags are by decree, such as `{"new-checkout": "test"}`.

    Raises:
        OSError: The file cannot be read.
        ValueError: It holds no definitions.
    """

    def __init__(
        self,
        source: str | Path | bytes | None = None,
        values: Mapping[str, bool | str] | None = None,
    ) -> None:
        text = Path(source).read_bytes() if isinstance(source, str | Path) else source
        text = _EMPTY if text is None else text
        try:
            found = msgspec.json.decode(text, type=_Definitions)
            compiled = Definitions.decode(_without_continuity(text))
        except (msgspec.DecodeError, InvalidResponseError) as error:
            raise ValueError(f"flag_definitions: {error}") from None
        self.definitions: bytes = text
        self.compiled: Definitions = compiled
        self.etag: str = f'"{blake2b(text, digest_size=8).hexdigest()}"'
        self.flags: dict[str, Flag] = {flag.key: flag for flag in found.flags}
        self.values: dict[str, bool | str] = dict(values or {})
        self.minimal: bool = found.minimal_flag_called_events
