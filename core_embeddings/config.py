"""Frozen dataclasses from TOML and overrides: unknown keys refused, every value checked."""

from __future__ import annotations

import difflib
import tomllib
import types
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from core_embeddings.errors import ConfigError

T = TypeVar("T")
_LISTED = 30


def nearest(name: str, known: Sequence[str]) -> str:
    """Return a hint: the known name closest to ``name``, or the first few when none is near."""
    match = difflib.get_close_matches(name, known, n=1)
    if match:
        return f"did you mean {match[0]!r}?"
    several = sorted(set(known))
    more = len(several) - _LISTED
    return f"known: {', '.join(several[:_LISTED])}" + (f" and {more} more" if more > 0 else "")


def from_mapping(cls: type[T], mapping: Mapping[str, Any], *, owner: str = "") -> T:
    """Build a config dataclass, nested ones included, from plain values.

    Parameters
    ----------
    cls
        A frozen dataclass whose fields all have defaults.
    mapping
        Values by field name; missing ones keep their default.
    owner
        Dotted prefix for messages.

    Raises
    ------
    ConfigError
        If a key is unknown, or a value has the wrong type.
    """
    hints = get_type_hints(cls)
    names = [field.name for field in fields(cls)]  # type: ignore[arg-type]
    values: dict[str, Any] = {}
    for key, value in mapping.items():
        path = f"{owner}.{key}" if owner else key
        if key not in names:
            raise ConfigError(f"unknown setting {path!r}; {nearest(key, names)}")
        values[key] = _convert(hints[key], value, path)
    return cls(**values)


def to_mapping(config: Any) -> dict[str, Any]:
    """Return a config dataclass as plain JSON-able values; ``from_mapping`` gives it back."""
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in asdict(config).items()
    }


def flatten(mapping: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings as one level with dotted names, as MLflow wants them."""
    flat: dict[str, Any] = {}
    for key, value in mapping.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises
    ------
    ConfigError
        If it is missing or does not parse.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"config file {path} does not exist; check --config") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"config file {path} is not valid TOML: {error}") from None


def apply_overrides(
    mapping: Mapping[str, Any], overrides: Sequence[str], *, known: Mapping[str, Any]
) -> dict[str, Any]:
    """Return ``mapping`` with ``key=value`` overrides applied.

    A key is dotted (``embedder.epochs=3``), or the last part alone where only one section has it
    (``epochs=3``). Values are read as TOML; what is not TOML is taken as text.

    Raises
    ------
    ConfigError
        If an override lacks ``=``, or its key is unknown or fits several sections.
    """
    result = {
        key: dict(value) if isinstance(value, Mapping) else value for key, value in mapping.items()
    }
    paths = list(flatten(known))
    for override in overrides:
        key, separator, text = override.partition("=")
        if not separator:
            raise ConfigError(f"--set takes key=value; got {override!r}")
        *parents, leaf = _resolve(key.strip(), paths).split(".")
        target = result
        for parent in parents:
            target = target.setdefault(parent, {})
        target[leaf] = _read_value(text.strip())
    return result


def _resolve(key: str, paths: Sequence[str]) -> str:
    if key in paths:
        return key
    matches = [path for path in paths if path.rsplit(".", 1)[-1] == key]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise ConfigError(
            f"setting {key!r} fits several sections: {', '.join(matches)}; name one of them"
        )
    raise ConfigError(f"unknown setting {key!r}; {_known_setting(key, paths)}")


def _known_setting(key: str, paths: Sequence[str]) -> str:
    """Hint at a setting by its full or last name; else name the sections, not all of them."""
    names = [*paths, *(path.rsplit(".", 1)[-1] for path in paths)]
    if difflib.get_close_matches(key, names, n=1):
        return nearest(key, names)
    return f"known sections: {', '.join(sorted({path.split('.')[0] for path in paths}))}"


def _read_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _convert(hint: Any, value: Any, path: str) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, Mapping):
            raise ConfigError(f"{path} is a section of settings; got {value!r}")
        return from_mapping(hint, value, owner=path)
    if origin in (Union, types.UnionType):
        if value is None or (value == "none" and type(None) in arguments):
            return None
        return _convert(next(kind for kind in arguments if kind is not type(None)), value, path)
    if origin is Literal:
        if value not in arguments:
            raise ConfigError(
                f"{path} must be one of {', '.join(map(repr, arguments))}; got {value!r}"
            )
        return value
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ConfigError(f"{path} must be a list; got {value!r}")
        return tuple(_convert(arguments[0], item, path) for item in value)
    if origin is dict:
        return dict(value)
    return _convert_scalar(hint, value, path)


def _convert_scalar(hint: Any, value: Any, path: str) -> Any:
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is str and isinstance(value, date):  # TOML has dates of its own
        return value.isoformat()
    wrong_bool = isinstance(value, bool) and hint is not bool
    if not isinstance(value, hint) or wrong_bool:
        raise ConfigError(f"{path} must be of type {hint.__name__}; got {value!r}")
    return value
