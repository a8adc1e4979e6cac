"""The verbs that find: arguments read, a function of `finding` called, its result as JSON.

Amounts are decimal text, times seconds; a `record`, `other`, `need` or `offer` is a row as `board`
gives it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from meshaid import finding, limits
from meshaid.arguments import Arguments, Result, Verb, given
from meshaid.desk import Desk


def _match(desk: Desk, arguments: Arguments, now: int) -> Result:
    """`match {ref}`: proposals for a need or an offer, or for the board without `ref`.

    Returns:
      `of`: "need", "offer" or "board"; `total`: how many there are, for the board at least;
      `proposals`: at most limits.PROPOSALS_LISTED of them in order. Each has `need` and `offer`;
      `quantity` and `unit` to pledge, null if one of the two says no amount; `whole`: whether that
      is all that is open; `reasons` with `code`, `words` and `values`, and their `words` alone;
      `mine`: whether the offer is this member's; and `pledge`: the arguments of the verb `pledge`,
      null for an offer of somebody else, who alone can pledge it.
    """
    found = finding.matches(desk, now, given(arguments, "ref", str, ""))
    proposals = [match.as_json() for match in found.listed]
    return {"of": found.of, "total": found.total, "proposals": proposals}


def _duplicates(desk: Desk, arguments: Arguments, now: int) -> Result:
    """`duplicates {ref}`: what may be told twice; or `duplicates {kind, fields}` while one types.

    Returns:
      `candidates`, the likest first, and `total`: how many there are. Each has `record` and
      `other`, the two that may be the same, with `reasons`, and `mine`: whether `record` is this
      member's to close. While typing, a candidate is an `other` with its `reasons` alone.
    """
    kind = given(arguments, "kind", str, "")
    if kind:
        fields = given(arguments, "fields", dict, {})
        drafts = finding.duplicates_of_draft(desk, kind, fields, now)
        return {
            "total": len(drafts),
            "candidates": [
                {"other": row.as_json(), "reasons": [reason.as_json() for reason in reasons]}
                for row, reasons in drafts
            ],
        }
    found = finding.duplicates(desk, now, given(arguments, "ref", str, ""))
    listed = found[: limits.DUPLICATES_LISTED]
    return {"total": len(found), "candidates": [pair.as_json() for pair in listed]}


def _report(desk: Desk, arguments: Arguments, now: int) -> Result:
    """`report`: counts by kind, category and hub, as `core.reports.report` says."""
    del arguments
    return finding.report(desk, now)


VERBS: Final[Mapping[str, Verb]] = MappingProxyType(
    {"match": _match, "duplicates": _duplicates, "report": _report}
)
"""Verbs that look for something and write nothing."""
