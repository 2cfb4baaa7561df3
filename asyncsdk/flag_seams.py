"""The seams of feature flags: what is asked about them, what is answered, and who words it.

A `FlagWire` is a frozen value with pure methods, as a destination is: it turns questions into
requests and answers into values. `asyncsdk.flags` asks, waits and remembers; it knows no system.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard

from msgspec import Struct

from asyncsdk.discreet import Discreet
from asyncsdk.seams import Destination, HttpRequest, HttpResponse

if TYPE_CHECKING:
    from pathlib import Path

#: What a flag evaluates to: off, on, or the key of a variant.
Value = bool | str

_NOTHING: Mapping[str, Any] = {}


class Question(Discreet, frozen=True, kw_only=True):
    """Whose flags are asked for, and what is known of them.

    Attributes:
        distinct_id: Who.
        groups: The groups that the person belongs to, by type.
        person_properties: Facts about the person.
        group_properties: Facts about the groups, by type.
        device_id: The device, for flags that are decided by it.
        keys: The flags that are asked for; None for all.
    """

    distinct_id: str
    groups: Mapping[str, str] = _NOTHING
    person_properties: Mapping[str, Any] = _NOTHING
    group_properties: Mapping[str, Mapping[str, Any]] = _NOTHING
    device_id: str | None = None
    keys: Sequence[str] | None = None

    @property
    def device(self) -> str | None:
        """The device, also if it is one of the person's properties."""
        device = self.device_id or self.person_properties.get("$device_id")
        return device if isinstance(device, str) and device else None

    def group_facts(self) -> dict[str, dict[str, Any]]:
        """Return the properties of the groups, each with its key; of no other groups."""
        facts = self.group_properties
        return {
            kind: {"$group_key": key, **facts.get(kind, _NOTHING)}
            for kind, key in self.groups.items()
        }

    def __repr__(self) -> str:
        """Show how much is asked, never about whom."""
        keys = "all flags" if self.keys is None else f"{len(self.keys)} flags"
        return f"Question({keys})"


class RemoteFlag(Struct, frozen=True, kw_only=True):
    """What the server says of one flag.

    Attributes:
        value: What it is for this person.
        failed: Whether the server could not decide it: the value means nothing.
        payload: Its payload, decoded.
        reason: Why, in the server's words.
        code: The same as a code.
        id: The flag's number.
        version: The version of its definition.
        has_experiment: Whether an experiment looks at it; None if the server does not say.
    """

    value: Value
    failed: bool = False
    payload: Any = None
    reason: str | None = None
    code: str | None = None
    id: int | None = None
    version: int | None = None
    has_experiment: bool | None = None


class RemoteFlags(Struct, frozen=True, kw_only=True):
    """What the server answers to a question.

    Attributes:
        flags: By key.
        error: What went wrong, in the words of `$feature_flag_error`; empty when nothing did.
        failed: Whether there is no answer at all.
        request_id: The server's name for the request.
        evaluated_at: When, in milliseconds since 1970.
        minimal: Whether events about flags without an experiment need few properties only.
        again: Whether the same question may be answered in a moment.
    """

    flags: Mapping[str, RemoteFlag] = _NOTHING
    error: str = ""
    failed: bool = False
    request_id: str | None = None
    evaluated_at: int | None = None
    minimal: bool = False
    again: bool = False


class Poll(Struct, frozen=True, kw_only=True):
    """What an answer to the question for definitions means.

    Attributes:
        body: The definitions, still to be decoded; None where there are none in it.
        packed: Whether they are gzip.
        etag: The name of this state of them, for the next question.
        same: Whether they are those that we have.
        clear: Whether they must not be used any more.
        error: Why there are none, without keys; empty if there are.
        retry_after: Seconds that the server asks to wait.
    """

    body: bytes | None = None
    packed: bool = False
    etag: str | None = None
    same: bool = False
    clear: bool = False
    error: str = ""
    retry_after: float | None = None


class FlagWire(Protocol):
    """How one system is asked about its flags."""

    @property
    def may_poll(self) -> bool:
        """Whether definitions can be asked for: there is a key for it."""
        ...

    @property
    def interval(self) -> float | None:
        """Seconds between two questions for definitions; None asks only when told to."""
        ...

    @property
    def only_locally(self) -> bool:
        """Whether flags are never asked of the server, unless a call says so."""
        ...

    @property
    def given(self) -> "Path | bytes | None":
        """Definitions to start from: a file, or what is in one."""
        ...

    @property
    def timeout(self) -> float:
        """Seconds for a question about flags."""
        ...

    @property
    def max_remembered(self) -> int:
        """Persons of whom it is remembered what was reported."""
        ...

    @property
    def max_definitions_bytes(self) -> int:
        """Definitions above this are refused."""
        ...

    @property
    def too_large(self) -> str:
        """What is said of definitions that are refused for their size."""
        ...

    def ask(self, question: Question) -> HttpRequest:
        """Word *question*; what JSON cannot carry goes as text."""
        ...

    def read(self, response: HttpResponse) -> RemoteFlags:
        """Say what the answer to a question means; never raises."""
        ...

    def add_flags(self, data: bytes, flags: Mapping[str, Value]) -> bytes:
        """Return an encoded event, as `Encoded.data`, with *flags* in it; what it has stays."""
        ...

    def ask_definitions(self, etag: str | None) -> HttpRequest:
        """Ask for the definitions, unless they are those that *etag* names."""
        ...

    def read_definitions(self, response: HttpResponse) -> Poll:
        """Say what the answer means; a packed body is left packed. Never raises."""
        ...

    def ask_config(self, key: str) -> HttpRequest:
        """Ask for the payload of a remote configuration."""
        ...

    def read_config(self, response: HttpResponse) -> Any:
        """Return the payload, or None.

        Raises:
            ValueError: The answer is none.
        """
        ...


class HasFlags(Destination, Protocol):
    """A destination that has feature flags as well."""

    def flag_wire(self) -> FlagWire:
        """Return how it is asked about them."""
        ...

    def __hash__(self) -> int:
        """Be a key: a destination never changes."""
        ...


def has_flags(destination: Destination) -> TypeGuard[HasFlags]:
    """Say whether *destination* has feature flags."""
    return callable(getattr(destination, "flag_wire", None))
