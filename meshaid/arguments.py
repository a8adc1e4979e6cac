"""How a verb reads its arguments: plain JSON values that anybody who may write to the control
socket chose, so each is checked for its type before it is used (docs/reference/cli.md).
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeVar

from meshaid.desk import Desk
from meshaid.errors import InvalidInput

Arguments: TypeAlias = Mapping[str, Any]
Result: TypeAlias = dict[str, Any]
Verb: TypeAlias = Callable[[Desk, Arguments, int], Result]
"""One command on an open home, at a moment in seconds since 1970."""
T = TypeVar("T")


def given(arguments: Arguments, name: str, kind: type[T], default: T | None = None) -> T:
    """An argument of exactly this type; the default where it is missing or null.

    Raises InvalidInput naming the argument: it has no default, or another type.
    """
    value = arguments.get(name)
    if value is None and default is not None:
        return default
    if type(value) is not kind:
        raise InvalidInput(fields={name: f"is missing, or not of the type {kind.__name__}"})
    return value


def maybe(arguments: Arguments, name: str, kind: type[T]) -> T | None:
    """An argument of exactly this type, or None where it is missing or null. Raises as `given`."""
    return None if arguments.get(name) is None else given(arguments, name, kind)


def texts(arguments: Arguments, name: str) -> list[str]:
    """An argument that is a list of texts; empty where it is missing. Raises as `given`."""
    found = given(arguments, name, list, [])
    if not all(isinstance(text, str) for text in found):
        raise InvalidInput(fields={name: "must be texts"})
    return found


def data(text: str) -> bytes:
    """Bytes from Base64. Raises InvalidInput for what is none."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise InvalidInput("data: is no Base64") from error
