"""The verbs that read and write files: import, export (docs/reference/cli.md)."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from meshaid.arguments import Arguments, Result, Verb, data, given
from meshaid.core.categories import OTHER
from meshaid.core.publishing import Choice
from meshaid.core.slips import Reading
from meshaid.desk import Desk
from meshaid.errors import InvalidInput
from meshaid.intake import Imported, import_file
from meshaid.outlet import export_board


def _import(desk: Desk, arguments: Arguments, now: int) -> Result:
    source, form, reading = asked_import(arguments, now)
    return imported_json(import_file(desk, source, now, form=form, reading=reading))


def asked_import(arguments: Arguments, now: int) -> tuple[bytes, str, Reading]:
    """The file, its format and what was said about it, of an import's arguments.

    Raises:
      InvalidInput: an argument is missing or of another type.
    """
    reading = Reading(
        start=given(arguments, "start", int, now),
        where=_cells(arguments, "where"),
        columns=_cells(arguments, "columns"),
        kind=given(arguments, "kind", str, ""),
        category=given(arguments, "category", str, ""),
        labels=_cells(arguments, "labels"),
    )
    return data(given(arguments, "data", str)), given(arguments, "format", str, ""), reading


def _cells(arguments: Arguments, name: str) -> Mapping[str, str]:
    found: dict[str, Any] = given(arguments, name, dict, {})
    if not all(isinstance(value, str) for value in found.values()):
        raise InvalidInput(f"{name}: must map texts to texts")
    return found


def _unsorted_first(entry: tuple[str, tuple[str, int]]) -> tuple[bool, int, str]:
    """Labels that no category was found for, then the most frequent."""
    label, (category, rows) = entry
    return category != OTHER, -rows, label


def imported_json(done: Imported) -> Result:
    """What came of an import, as plain values."""
    return {
        "format": done.format,
        "imported": done.imported,
        "known": done.known,
        "differing": done.differing,
        "withdrawn": done.withdrawn,
        "refused": [{"line": line, "reason": reason} for line, reason in done.refused],
        "unresolved": [{"line": line, "field": field} for line, field in done.unresolved],
        "notes": [{"line": line, "note": note} for line, note in done.notes],
        "columns": [{"column": name, "field": field} for name, field in done.columns.items()],
        "ignored_columns": list(done.ignored_columns),
        "labels": [
            {"label": label, "category": category, "rows": rows}
            for label, (category, rows) in sorted(done.labels.items(), key=_unsorted_first)
        ],
    }


def _export(desk: Desk, arguments: Arguments, now: int) -> Result:
    chosen = {
        name: given(arguments, name, str, "")
        for name in ("kind", "category", "status", "area", "text", "member")
    }
    choice = Choice(
        **chosen,
        private_words=given(arguments, "private_words", bool, False),
        coarse_points=given(arguments, "coarse_points", bool, False),
    )
    done = export_board(desk, given(arguments, "format", str), now, choice)
    told: Result = {"format": done.format, "records": done.records, "exercise": done.exercise}
    told |= {"left_out": dict(done.left_out), "data": base64.b64encode(done.data).decode()}
    return told | ({"member": done.member} if done.member else {})


VERBS: Mapping[str, Verb] = {"import": _import, "export": _export}
