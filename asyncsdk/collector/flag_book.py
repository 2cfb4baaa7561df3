"""The flag definitions that the collector serves and answers by."""

from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path

import msgspec
from msgspec import Struct

_EMPTY = b'{"flags":[],"group_type_mapping":{},"cohorts":{}}'


class _Filters(Struct):
    payloads: dict[str, str] | None = None


class Flag(Struct):
    """Holds of one definition what an answer tells beside the value."""

    key: str
    id: int = 0
    version: int = 0
    active: bool = True
    has_experiment: bool | None = None
    evaluation_runtime: str | None = None
    filters: _Filters = msgspec.field(default_factory=_Filters)

    @property
    def payloads(self) -> Mapping[str, str]:
        """Return the payloads, JSON in text, by variant; `true` without variants."""
        return self.filters.payloads or {}


class _Definitions(Struct):
    flags: list[Flag]
    minimal_flag_called_events: bool = False


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
        except msgspec.DecodeError as error:
            raise ValueError(f"flag_definitions: {error}") from None
        self.definitions: bytes = text
        self.etag: str = f'"{blake2b(text, digest_size=8).hexdigest()}"'
        self.flags: dict[str, Flag] = {flag.key: flag for flag in found.flags}
        self.values: dict[str, bool | str] = dict(values or {})
        self.minimal: bool = found.minimal_flag_called_events
