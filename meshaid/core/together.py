"""What the fields of one record must be together, when somebody enters it.

Only for entry: the view takes records as they are, because a merge may leave any half of one.
Source: docs/protocol.md, "Records".
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from meshaid.core import categories
from meshaid.core.fields import Value
from meshaid.errors import InvalidInput

_NEED_WORDS: Final = ("title", "text", "people", "ext_code", "quantity", "unit")
"""What a `private` need must not say: the rest stays on paper at the desk."""
_TITLED: Final = ("need", "offer", "notice", "hub")
_REQUIRED: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"pledge": ("need",), "receipt": ("need", "result"), "flag": ("target", "reason")}
)


def check_together(kind: str, fields: Mapping[str, Value]) -> None:
    """Check what single fields cannot say.

    Raises:
      InvalidInput: nothing says what it is about; a pack without contents; a private matter in
        words; a field that the kind needs is missing. Its `fields` name all that are at fault.
    """
    faults = faults_together(kind, fields)
    if faults:
        raise InvalidInput(fields=faults)


def faults_together(
    kind: str, fields: Mapping[str, Value], refused: Collection[str] = ()
) -> dict[str, str]:
    """What `check_together` refuses, as sentences by field.

    Args:
      refused: fields that were given, but with a value that does not fit: they are not missing.
    """
    faults: dict[str, str] = {}
    for name, sentence in _faults(kind, fields, fields.keys() | set(refused)):
        faults.setdefault(name, sentence)
    return faults


def _faults(
    kind: str, fields: Mapping[str, Value], given: Collection[str]
) -> Iterator[tuple[str, str]]:
    if ("per_pack" in given) != ("per_unit" in given):
        missing = "per_unit" if "per_pack" in given else "per_pack"
        yield missing, "give per_pack together with per_unit, as in 8 packs of 9 L"
    if kind in ("pledge", "receipt") and "unit" in given and "quantity" not in given:
        yield "quantity", "give how many of the unit"
    category = fields.get("category")
    if kind == "need" and isinstance(category, str):
        yield from _privacy_faults(category, given)
    if kind in _TITLED and not _says_what(kind, category, given):
        yield "title", f"say in a few words what this {kind} is"
    for name in _REQUIRED.get(kind, ()):
        if name not in given:
            yield name, f"is needed in a {kind}"


def _says_what(kind: str, category: Value, given: Collection[str]) -> bool:
    if "title" in given or (kind == "notice" and not {"text", "texts"}.isdisjoint(given)):
        return True
    names_kind = category != categories.OTHER and "category" in given
    return kind in ("need", "offer") and names_kind


def _privacy_faults(category: str, given: Collection[str]) -> Iterator[tuple[str, str]]:
    if category == categories.PRIVATE:
        for name in _NEED_WORDS:
            if name in given:
                yield name, "leave it empty in a private need; keep it on paper at the desk"
    elif categories.privacy_of(category) == 2:
        yield (
            "category",
            "write a need of this kind as `private`, and keep its words on paper",
        )
