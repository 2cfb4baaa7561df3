"""Files: a mapping as JSON or YAML text."""

from __future__ import annotations

from codecs import BOM_UTF8
from pathlib import Path
from typing import Any

import msgspec

from asyncsdk.errors import ConfigurationError

#: Bytes of a file at most.
MAX_FILE = 4 * 1024 * 1024


def read_config(path: Path) -> dict[str, Any]:
    """Read the file at *path*.

    Raises:
        ConfigurationError: It cannot be read, is too large, or holds no object.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read ({error.strerror or error})") from None
    if len(data) > MAX_FILE:
        raise ConfigurationError(f"{path}: is larger than {MAX_FILE:,} bytes")
    name = path.name.lower()
    if name.endswith(".json"):
        found = _json(data, path)
    elif name.endswith((".yaml", ".yml")):
        found = _yaml(data, path)
    else:
        raise ConfigurationError(f"{path}: a name that ends with .json, .yaml or .yml is needed")
    if not isinstance(found, dict):
        raise ConfigurationError(f"{path}: an object is needed")
    return found


def _json(data: bytes, path: Path) -> Any:
    try:
        return msgspec.json.decode(data.removeprefix(BOM_UTF8))  # as Windows writes it
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: not JSON ({error})") from None


def _yaml(data: bytes, path: Path) -> Any:
    try:
        import yaml
    except ImportError:
        raise ConfigurationError(
            'asyncsdk: a mapping in YAML needs the "yaml" package: pip install "asyncsdk[yaml]"'
        ) from None
    try:
        return yaml.safe_load(data)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ConfigurationError(f"{path}: not YAML ({' '.join(str(error).split())})") from None
