"""How PostHog answers `/flags/` and the older `/decide`: which flags, in which shape.

Flags are evaluated as an SDK does it locally, with all that was heard of the person before. What
cannot be decided so, such as a static cohort, is off, and its reason says so.
"""

from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from asyncsdk.collector.answers import is_object
from asyncsdk.collector.cases import Desk, Head, decoded
from asyncsdk.collector.flag_book import Flag, FlagBook
from asyncsdk.flags import evaluate


class Asked(Struct, frozen=True, kw_only=True):
    """Holds who asks, what is known of them, and for which flags; None for all."""

    distinct_id: str
    keys: frozenset[str] | None = None
    runtime: str = ""
    groups: dict[str, str] = {}
    person_properties: dict[str, Any] = {}
    group_properties: dict[str, dict[str, Any]] = {}
    device_id: str | None = None

    def of_group(self, name: str) -> dict[str, Any]:
        """Return the properties that are given for the group of the type *name*."""
        return self.group_properties.get(name, {})


class Decision(Struct, frozen=True, kw_only=True):
    """Holds what a flag is for one person, and why."""

    value: bool | str
    code: str
    description: str
    failed: bool = False


def answer(head: Head, body: bytes, desk: Desk) -> tuple[int, object, str]:
    """Return the status, the JSON value or the text of a refusal, and the project's key."""
    try:
        content = decoded(body)
    except ValueError as error:
        return 400, f"Failed to parse request: {error}", ""
    if not is_object(content):
        return 400, "Failed to parse request: not an object", ""
    key = content.get("api_key") or content.get("token")
    if not isinstance(key, str) or not key:
        return 401, "No API token provided.", ""
    if not desk.accepts(key):
        return 401, "The provided API key is invalid or has expired.", key
    who = content.get("distinct_id")
    if who is None or who == "":
        state = "missing from the request" if who is None else "empty"
        return 400, f"The distinct_id field is {state}.", key
    asked = _asked(str(who), content)
    return 200, _flags_answer(head, asked, desk), key


def _asked(who: str, content: dict[str, Any]) -> Asked:
    """Read a request leniently: what has another type counts as not given."""
    persons = _object(content.get("person_properties"))
    keys = content.get("flag_keys_to_evaluate")
    device = content.get("device_id") or content.get("$device_id") or persons.get("$device_id")
    properties = _object(content.get("group_properties")).items()
    return Asked(
        distinct_id=who,
        keys=frozenset(map(str, keys)) if isinstance(keys, list) else None,
        runtime=str(content.get("evaluation_runtime") or ""),
        groups={name: str(key) for name, key in _object(content.get("groups")).items()},
        person_properties=persons,
        group_properties={name: _object(value) for name, value in properties},
        device_id=str(device) if device else None,
    )


def _object(value: object) -> dict[str, Any]:
    return value if is_object(value) else {}


def _flags_answer(head: Head, asked: Asked, desk: Desk) -> dict[str, Any]:
    book = desk.flags
    limited = desk.flag_trouble == "quota_limited"
    flags = [] if limited else [flag for flag in _all_flags(book) if _wanted(flag, asked)]
    decisions = [(flag, _decide(flag, asked, desk)) for flag in flags]
    said: dict[str, Any] = {
        "errorsWhileComputingFlags": desk.flag_trouble == "flag_errors",
        "quotaLimited": ["feature_flags"] if limited else [],
        "requestId": desk.fresh_id(),
        "evaluatedAt": desk.now_ms(),
    }
    if book.minimal:
        said["minimalFlagCalledEvents"] = True
    version = _version(head.version)
    first_new = 4 if head.path.removesuffix("/").endswith("/decide") else 2
    shape = _records(decisions, version) if version >= first_new else _values(decisions)
    return {**shape, **said}


def _version(text: str) -> int:
    """Return the number that is asked for; anything else is the first."""
    return int(text) if len(text) < 4 and text.isascii() and text.isdigit() else 1


def _all_flags(book: FlagBook) -> Iterable[Flag]:
    """List the defined flags, then those that are only known by decree."""
    yield from book.flags.values()
    for key in book.values.keys() - book.flags.keys():
        yield Flag(key=key)


def _wanted(flag: Flag, asked: Asked) -> bool:
    if asked.keys is not None and flag.key not in asked.keys:
        return False
    runtime = flag.evaluation_runtime or "all"
    return not asked.runtime or runtime in ("all", asked.runtime)


def _decide(flag: Flag, asked: Asked, desk: Desk) -> Decision:
    if desk.flag_trouble == "flag_errors" and desk.spoils():
        text = "failed on purpose"
        return Decision(value=False, code="unknown", description=text, failed=True)
    decreed = desk.flags.values.get(flag.key)
    if decreed is not None:
        code = "condition_match" if decreed else "no_condition_match"
        return Decision(value=decreed, code=code, description="Set by hand")
    if not flag.active:
        return Decision(value=False, code="flag_disabled", description="Flag is disabled")
    return _evaluated(flag, asked, desk)


def _evaluated(flag: Flag, asked: Asked, desk: Desk) -> Decision:
    """Evaluate *flag* by what was heard of the person and the groups, and what is asked with."""
    persons = desk.memory.persons
    properties = {
        name: {"$group_key": key, **persons.properties((name, key)), **asked.of_group(name)}
        for name, key in asked.groups.items()
    }
    found = evaluate(
        desk.flags.compiled,
        flag.key,
        asked.distinct_id,
        groups=asked.groups,
        person_properties={
            **persons.properties(("", asked.distinct_id)),
            "distinct_id": asked.distinct_id,
            **asked.person_properties,
        },
        group_properties=properties,
        device_id=asked.device_id,
    )
    if found.value is None:
        text = f"Not decided: {found.reason}"
        return Decision(value=False, code="no_condition_match", description=text)
    if found.value is False:
        return Decision(value=False, code="no_condition_match", description="No condition matched")
    return Decision(value=found.value, code="condition_match", description="A condition matched")


def _records(decisions: list[tuple[Flag, Decision]], version: int) -> dict[str, Any]:
    """Build the newer shape: a record for each flag; before v 4 failed ones are left out."""
    return {
        "flags": {
            flag.key: _record(flag, made, version)
            for flag, made in decisions
            if version >= 4 or not made.failed
        }
    }


def _record(flag: Flag, made: Decision, version: int) -> dict[str, Any]:
    variant = made.value if isinstance(made.value, str) else None
    metadata: dict[str, Any] = {
        "id": flag.id,
        "version": flag.version,
        "payload": _payload(flag, made),
        "description": None,
    }
    if flag.has_experiment is not None:
        metadata["has_experiment"] = flag.has_experiment
    record: dict[str, Any] = {
        "key": flag.key,
        "enabled": made.value is not False,
        "variant": variant,
        "reason": {"code": made.code, "condition_index": None, "description": made.description},
        "metadata": metadata,
    }
    return {**record, "value": made.value, "failed": made.failed} if version >= 4 else record


def _values(decisions: list[tuple[Flag, Decision]]) -> dict[str, Any]:
    """Build the older shape: values, and the payloads of those that are on."""
    good = [(flag, made) for flag, made in decisions if not made.failed]
    payloads = {flag.key: _payload(flag, made) for flag, made in good}
    return {
        "featureFlags": {flag.key: made.value for flag, made in good},
        "featureFlagPayloads": {key: text for key, text in payloads.items() if text is not None},
    }


def _payload(flag: Flag, made: Decision) -> Any:
    """Return the payload as it is defined: JSON in a text, None without one."""
    if made.value is False:
        return None
    return flag.payloads.get("true" if made.value is True else made.value)
