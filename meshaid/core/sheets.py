"""A sheet to print and pin up: A4, readable in grey, one section for each group of categories.

One HTML file that needs nothing else: no script, font, image or link. Everything that somebody
wrote is escaped, and isolated in its own direction. In an exercise every page says so.
Source: docs/protocol.md, "Import and export" (sheet).
"""

from __future__ import annotations

import html
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from meshaid.core.amounts import UNITS, show_amount
from meshaid.core.categories import CATEGORIES, OTHER, group_of
from meshaid.core.publishing import REASONS, Published
from meshaid.core.records import Record
from meshaid.core.spoken import show_spoken
from meshaid.core.times import show_time
from meshaid.core.wording import in_words

EXERCISE: Final = "EXERCISE"
_STYLE: Final = """
@page { size: A4; margin: 12mm }
* { box-sizing: border-box }
body { font: 11pt/1.35 sans-serif; color: #000; background: #fff; margin: 0 auto; max-width: 186mm }
h1 { font-size: 18pt; margin: 0 }
p { margin: 0 0 2mm }
table { width: 100%; border-collapse: collapse; margin: 0 0 6mm; break-inside: auto }
thead { display: table-header-group }
th { text-align: start; font-size: 14pt; border-bottom: 2pt solid #000; padding: 3mm 0 1mm }
tr { break-inside: avoid }
td { border-bottom: .5pt solid #777; padding: 2mm 2mm 2mm 0; vertical-align: top }
td.code { width: 34mm; font: bold 17pt monospace; white-space: nowrap }
td.amount { width: 42mm }
strong { font-size: 12.5pt }
.life td { border: 2.5pt solid #000; padding: 2mm }
.mark { display: inline-block; border: 1.5pt solid #000; padding: 0 1.5mm; font-weight: bold }
.small { font-size: 9pt }
@media screen { body { padding: 8mm } }
"""
_KINDS: Final = {"need": "NEED", "offer": "OFFER", "notice": "NOTICE", "hub": "HUB"}
_NOTICES: Final = ""
"""The section of what has no category; it comes first."""


def write_sheet(
    rows: Sequence[Published],
    *,
    community: str,
    now: int,
    exercise: bool,
    left_out: Mapping[str, int],
) -> str:
    """The sheet of these rows.

    Args:
      community: its shown name, large at the top.
      now: seconds since 1970, printed as the moment that the sheet is of.
      left_out: counts by `publishing.REASONS`.
    """
    sections: defaultdict[str, list[Published]] = defaultdict(list)
    for row in sorted(rows, key=_order):
        sections[_section_of(row.record)].append(row)
    order = [_NOTICES, *CATEGORIES]
    named = sorted(sections, key=lambda code: order.index(code) if code in order else len(order))
    body = [_opening(community, now, exercise, rows, left_out)]
    body += [_section(code, sections[code], exercise) for code in named]
    title = f"{EXERCISE}: {community}" if exercise else community
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{html.escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def _order(row: Published) -> tuple[bool, str, int, int, str]:
    record = row.record
    deadline = row.row.deadline
    return (
        not record.flag("life_threatening"),
        (record.kind != "need" and record.kind) or "",
        deadline if deadline is not None else 2**60,
        record.number("created_at") or 0,
        record.reference,
    )


def _section_of(record: Record) -> str:
    if record.kind not in ("need", "offer"):
        return _NOTICES
    group = group_of(record.text("category"))
    return group if group in CATEGORIES else OTHER


def _opening(
    community: str,
    now: int,
    exercise: bool,
    rows: Sequence[Published],
    left_out: Mapping[str, int],
) -> str:
    counts = ", ".join(_counted(rows)) or "nothing"
    parts = [f"<h1>{_isolated(community)}</h1>"]
    if exercise:
        parts.insert(0, f'<p><span class="mark">{EXERCISE}</span> This is not real.</p>')
    moment = show_time(now).replace("T", " ").replace("+00:00", " UTC")
    parts.append(f"<p>As of {html.escape(moment)}: {counts}.</p>")
    missing = [
        f"{count} {REASONS[reason]}"
        for reason, count in left_out.items()
        if reason != "other_kinds"  # a sheet tells what is wanted and given, and no more
    ]
    if missing:
        parts.append(f'<p class="small">Not on this sheet: {html.escape("; ".join(missing))}.</p>')
    return "<header>\n" + "\n".join(parts) + "\n</header>"


def _counted(rows: Iterable[Published]) -> Iterable[str]:
    kinds = [row.record.kind for row in rows]
    for kind in _KINDS:
        count = kinds.count(kind)
        if count:
            yield f"{count} {kind}{'' if count == 1 else 's'}"


def _section(code: str, rows: Sequence[Published], exercise: bool) -> str:
    heading = CATEGORIES[code].label if code else "Notices"
    mark = f' <span class="mark">{EXERCISE}</span>' if exercise else ""
    return (
        f'<table>\n<thead><tr><th colspan="3" scope="colgroup">{html.escape(heading)}{mark}</th>'
        "</tr></thead>\n<tbody>\n" + "\n".join(map(_slip, rows)) + "\n</tbody>\n</table>"
    )


def _slip(published: Published) -> str:
    record, row = published.record, published.row
    life = record.flag("life_threatening")
    ref = record.text("ref")
    code = show_spoken(ref) if ref else ""
    marks = [_KINDS.get(record.kind, record.kind.upper())]
    if life:
        marks.append("LIFE AT RISK")
    if row.tier:
        marks.append("OVERDUE" if row.overdue else in_words(row.tier))
    title = record.text("title") or _category(record)
    words = [" ".join(f'<span class="mark">{html.escape(mark)}</span>' for mark in marks)]
    lang = record.text("lang")
    words.append(f"<strong>{_isolated(title, lang)}</strong>")
    text = record.text("text")
    if text:
        words.append("<br>".join(_isolated(line, lang) for line in text.split("\n")))
    words.append(f'<span class="small">{" · ".join(_details(published))}</span>')
    return (
        f"<tr{' class=life' if life else ''}>"
        f'<td class="code"><bdi dir="ltr">{html.escape(code)}</bdi></td>'
        f"<td>{'<br>'.join(words)}</td>"
        f'<td class="amount">{"<br>".join(_amounts(published))}</td></tr>'
    )


def _category(record: Record) -> str:
    category = CATEGORIES.get(record.text("category"))
    return category.label if category else "no title"


def _details(published: Published) -> Iterable[str]:
    """The place, the state and the time of a slip, ready for the sheet."""
    record, row = published.record, published.row
    yield html.escape(in_words(row.status))
    if record.text("area"):
        yield _isolated(record.text("area"))
    if published.hub:
        yield _isolated(published.hub.text("title"))
    people = record.number("people")
    if people is not None:
        yield f"{people} {'person' if people == 1 else 'people'}"
    created_at = record.number("created_at")
    if created_at is not None:
        yield html.escape(show_time(created_at)[:16].replace("T", " "))


def _amounts(published: Published) -> Iterable[str]:
    record, left = published.record, published.row.standing.left
    quantity, unit = record.number("quantity"), record.text("unit")
    label = UNITS[unit].label if unit in UNITS else unit
    if quantity is None:
        return
    yield f"<strong>{_amount(show_amount(quantity), label)}</strong>"
    per_pack, per_unit = record.number("per_pack"), record.text("per_unit")
    if per_pack is not None:
        inside = UNITS[per_unit].label if per_unit in UNITS else per_unit
        yield f"of {_amount(show_amount(per_pack), inside)}"
    if left is not None and left != quantity:
        yield f"still {_amount(show_amount(left), label)}"


def _amount(number: str, unit: str) -> str:
    return f'<bdi dir="ltr">{html.escape(number)}</bdi> {_isolated(unit)}'


def _isolated(text: str, lang: str = "") -> str:
    """Somebody's words: escaped, in a direction of their own, and in their language."""
    tongue = f' lang="{html.escape(lang)}"' if lang else ""
    return f'<bdi dir="auto"{tongue}>{html.escape(text)}</bdi>'
