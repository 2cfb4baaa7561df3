"""Versions with three numbers; what follows a hyphen or a plus does not count."""

from __future__ import annotations

from typing import TypeAlias

Version: TypeAlias = tuple[int, int, int]
Range: TypeAlias = tuple[Version, Version]

#: Digits of a number; Python reads no more, and looking at a million takes milliseconds.
_MOST_DIGITS = 4_300


def parse(value: object) -> Version | None:
    """Return the version that *value* is as text, or None."""
    text = value if isinstance(value, str) else str(value)
    text = text.strip().lstrip("vV").split("-", 1)[0].split("+", 1)[0]
    first, *rest = text.split(".")[:3]
    numbers = [_number(first), *(_number(part) if part else 0 for part in rest)]
    return _version(numbers)


def tilde(value: object) -> Range | None:
    """Return the range of ``~1.2.3``: the same minor version, from there on."""
    version = parse(value)
    return version and (version, (version[0], version[1] + 1, 0))


def caret(value: object) -> Range | None:
    """Return the range of ``^1.2.3``: up to the next left-most number that is not zero."""
    version = parse(value)
    if version is None:
        return None
    major, minor, patch = version
    if major:
        return version, (major + 1, 0, 0)
    return version, (0, minor + 1, 0) if minor else (0, 0, patch + 1)


def wildcard(value: object) -> Range | None:
    """Return the range of ``1.*``, ``1.2.*`` or ``1.2.3``: the numbers given stay the same."""
    text = str(value).strip().lstrip("vV").replace("*", "").rstrip(".")
    numbers = [_number(part) for part in text.split(".") if part][:3]
    low = _version(numbers)
    if low is None or not numbers:
        return None
    numbers[-1] = low[len(numbers) - 1] + 1
    high = _version(numbers)
    return high and (low, high)


def _version(numbers: list[int | None]) -> Version | None:
    known = [number for number in numbers if number is not None]
    if len(known) < len(numbers):
        return None
    major, minor, patch = (*known, 0, 0, 0)[:3]
    return major, minor, patch


def _number(text: str) -> int | None:
    """Read digits without leading zeros; numbers of thousands of digits are none."""
    if len(text) > _MOST_DIGITS or not text.isdigit() or (len(text) > 1 and text[0] == "0"):
        return None
    try:
        return int(text)
    except ValueError:
        return None
