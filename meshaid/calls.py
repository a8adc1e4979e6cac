"""What every call on `node.board` needs: the desk, the time, and a turn on the store thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, wraps
from inspect import Signature, iscoroutinefunction, signature
from types import MappingProxyType, NoneType, UnionType
from typing import (
    Any,
    Final,
    Literal,
    Protocol,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from meshaid.desk import Desk
from meshaid.errors import InvalidInput

T = TypeVar("T")

_SAID: Final[Mapping[type, str]] = MappingProxyType(
    {str: "text", bool: "True or False", int: "a whole number", bytes: "bytes"}
)
"""The plain types of arguments, as errors call them. What takes several is checked in its field."""


class Working(Protocol):
    """What the board needs of its node: work is done on the store thread, in turn."""

    async def work(self, work: Callable[[], T]) -> T: ...


class Calls:
    """The calls of one topic; `BoardFace` has them all.

    Each is a function on the desk, done on the store thread. The command line calls the same ones.
    An argument of the wrong type is InvalidInput, which names it.
    """

    def __init__(self, node: Working, desk: Desk, clock: Callable[[], float]) -> None:
        self._node = node
        self._desk = desk
        self._clock = clock

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for name, call in [*vars(cls).items()]:
            if iscoroutinefunction(call) and not name.startswith("_"):
                setattr(cls, name, _checked(call))

    def _now(self) -> int:
        return int(self._clock())


def _checked(call: Callable[..., Any]) -> Callable[..., Any]:
    """The same call, which looks at the types of its arguments first."""

    @wraps(call)
    async def checked(*args: Any, **options: Any) -> Any:
        taken, plain = _plain_types(call)
        faults = {
            name: f"must be {_SAID[plain[name][0]]}"
            for name, value in taken.bind(*args, **options).arguments.items()
            if name in plain and not _fits(value, plain[name])
        }
        if faults:
            raise InvalidInput(fields=faults)
        return await call(*args, **options)

    return checked


def _fits(value: object, kinds: tuple[type, ...]) -> bool:
    """Whether a value is of one of these types; True and False are no numbers."""
    return type(value) in kinds or (isinstance(value, kinds) and not isinstance(value, bool))


@cache
def _plain_types(call: Callable[..., Any]) -> tuple[Signature, Mapping[str, tuple[type, ...]]]:
    """How a call takes its arguments, and those of one plain type: it, and that of None if that
    will do."""
    found = {}
    for name, hint in get_type_hints(call).items():
        if get_origin(hint) is Literal:
            found[name] = (str,)
            continue
        several = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
        kinds = tuple(sorted(several, key=lambda kind: kind is NoneType))
        if kinds[0] in _SAID and kinds[1:] in ((), (NoneType,)):
            found[name] = kinds
    return signature(call), found
