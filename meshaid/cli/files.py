"""Commands about files: import, export."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meshaid.cli.options import Settings, TimeType, say, with_settings

if TYPE_CHECKING:
    from rich.console import Console

    from meshaid.cli.reach import Answer, Told

LISTED = 20
"""Lines of one list that a page shows; --json gives all."""
MOMENT = 1.0
"""Seconds after which an import shows how far it is."""


@click.command(
    "import",
    epilog=(
        "With --json: format, imported, known, differing, withdrawn, refused (line, reason), "
        "unresolved (line, field), notes (line, note), columns (column, field), ignored_columns, "
        "labels (label, category, rows)."
    ),
)
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "hxl", "json", "jsonl", "cap"]),
    help="What FILE is; its content tells, if not said.",
)
@click.option(
    "--kind",
    type=click.Choice(["need", "offer", "notice"]),
    help="What the rows are that do not say it.",
)
@click.option(
    "--map",
    "columns",
    multiple=True,
    metavar="COLUMN=FIELD",
    help="The field that a column gives; COLUMN= leaves it out. May be given several times.",
)
@click.option(
    "--category",
    metavar="CODE",
    help="The category of rows whose words do not tell one; `other`, if not said.",
)
@click.option(
    "--label",
    "labels",
    multiple=True,
    metavar="LABEL=CODE",
    help="The category that FILE calls LABEL; remembered for later files.",
)
@click.option(
    "--start",
    type=TimeType(),
    metavar="TIME",
    help="The time that columns of minutes count from; now, if not said.",
)
@click.option(
    "--where",
    multiple=True,
    metavar="COLUMN=VALUE",
    help="Only rows with this value in this column; may be given several times.",
)
@with_settings
def import_(
    settings: Settings,
    file: Path,
    form: str | None,
    kind: str | None,
    columns: tuple[str, ...],
    category: str | None,
    labels: tuple[str, ...],
    start: int | None,
    where: tuple[str, ...],
) -> None:
    """Bring in a table of slips, one record a row, or an alert of an authority.

    FILE is CSV in UTF-8, HXL-tagged CSV or JSON, JSON lines that `export` wrote, or a CAP 1.2
    alert; `-` is standard input. Tables of other tools are taken as their headings say; the page
    shows which column gave what. Importing a file twice changes nothing, and an import that was
    stopped goes on when it is started again. Bad rows are listed with their lines; the good ones
    are kept.
    """
    import base64

    from meshaid import limits
    from meshaid.cli.fields import pairs
    from meshaid.cli.screen import show
    from meshaid.cli.written import read_at_most

    data = read_at_most(file, limits.CSV_BYTES)
    arguments = {
        "data": base64.b64encode(data).decode(),
        "format": form or "",
        "kind": kind or "",
        "columns": pairs(columns, "--map"),
        "category": category or "",
        "labels": pairs(labels, "--label"),
        "start": start,
        "where": pairs(where, "--where"),
    }
    with _progress(settings) as told:
        answer = _bring_in(settings, arguments, told)
    for row in answer.result["unresolved"]:
        say(f"Note: line {row['line']}: {row['field']} names a row that is not here; left out.")
    show(settings, answer, _import_page)


def _bring_in(settings: Settings, arguments: dict[str, Any], told: Told) -> Answer:
    """Through the running node, or alone; on both ways the progress is told."""
    import os

    from meshaid.cli.reach import perform
    from meshaid.desk import Desk
    from meshaid.file_verbs import asked_import, imported_json
    from meshaid.intake import import_file
    from meshaid.opening import OpenHome

    def alone(home: OpenHome) -> dict[str, Any]:
        desk, now = Desk(home.replica, random=os.urandom), settings.moment()
        source, form, reading = asked_import(arguments, now)
        return imported_json(import_file(desk, source, now, form=form, reading=reading, told=told))

    return perform(settings, "import", arguments, alone=alone, told=told)


@contextmanager
def _progress(settings: Settings) -> Iterator[Told]:
    """A bar on a terminal's standard error, once an import takes longer than a moment."""
    import time

    from rich.console import Console
    from rich.progress import Progress

    screen = Console(stderr=True)
    bar = Progress(console=screen, transient=True, disable=settings.json or not screen.is_terminal)
    began, task = time.monotonic(), bar.add_task("Importing", total=None)

    def told(done: int, total: int) -> None:
        if time.monotonic() - began > MOMENT and not bar.live.is_started:
            bar.start()
        bar.update(task, completed=done, total=total)

    try:
        yield told
    finally:
        bar.stop()


def _import_page(screen: Console, result: dict[str, Any]) -> None:
    from meshaid.cli.screen import on_line

    def line(text: str) -> None:
        screen.print(text, soft_wrap=True)

    known = f", {result['known']} known already" if result["known"] else ""
    refused = _count(len(result["refused"]), "row")
    line(f"{_count(result['imported'], 'record')} imported{known}, {refused} refused.")
    differing = result["differing"]
    if differing:
        says = "says" if differing == 1 else "say"
        line(
            f"{_count(differing, 'row')} known already {says} something else than the board, which "
            "stays as it is: change the records with `meshaid edit`, or close them with "
            "`meshaid close`."
        )
    if result["withdrawn"]:
        line(f"{_count(result['withdrawn'], 'notice')} withdrawn, as the alert says.")
    if result["format"] in ("table", "hxl"):
        taken = ", ".join(f"{on_line(c['column'])} -> {c['field']}" for c in result["columns"])
        line(f"Columns: {taken}.")
    if result["ignored_columns"]:
        names = ", ".join(map(on_line, result["ignored_columns"]))
        line(f"Columns that are no fields, ignored: {names}.")
    _listed(
        screen,
        "Categories by what the file calls them (--label LABEL=CODE says otherwise):",
        [
            f"{on_line(each['label']) or '(no words)'} -> {each['category']}, "
            f"{_count(each['rows'], 'row')}"
            for each in result["labels"]
        ],
    )
    _listed(
        screen,
        "Refused:",
        [f"line {row['line']}: {on_line(row['reason'])}" for row in result["refused"]],
        most=len(result["refused"]),
    )
    notes = [
        f"line {row['line']}: {on_line(row['note'])}" if row["line"] else on_line(row["note"])
        for row in result["notes"]
    ]
    _listed(screen, "Notes:", notes)


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _listed(screen: Console, heading: str, lines: list[str], *, most: int = LISTED) -> None:
    if lines:
        screen.print(heading, soft_wrap=True)
    for text in lines[:most]:
        screen.print(f"  {text}", soft_wrap=True)
    if len(lines) > most:
        screen.print(f"  and {len(lines) - most} more; --json lists all", soft_wrap=True)


@click.command(
    epilog="With --json: file, format, bytes, records, left_out (reason to count), exercise."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "hxl", "hxl-json", "geojson", "html", "jsonl", "automerge"]),
    required=True,
    help="csv, hxl: tables; geojson: a map; html: a sheet to print and pin up; jsonl: everything, "
    "for programs; automerge: one member's document.",
)
@click.option(
    "--member",
    metavar="M",
    help="Only records of one member: an id or its beginning, a shown name, or `me`.",
)
@click.option("--kind", metavar="KIND", help="Only need, offer, notice, or another kind.")
@click.option("--category", metavar="CODE", help="Only this category, or group of categories.")
@click.option("--status", metavar="STATUS", help="Only this state, such as open.")
@click.option("--area", metavar="AREA", help="Only this area.")
@click.option("--text", metavar="WORDS", help="Only records with all of these words.")
@click.option(
    "--with-private-words",
    "private_words",
    is_flag=True,
    help="Also the words of private matters, such as medicine; in jsonl those that flags hide.",
)
@click.option(
    "--coarse-points",
    is_flag=True,
    help="In geojson, give needs and offers the point of their hub.",
)
@click.option("--force", is_flag=True, help="Write over FILE if there is one.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@with_settings
def export(settings: Settings, form: str, force: bool, file: Path, **chosen: Any) -> None:
    """Write the board, or a part of it, to FILE; `-` is standard output.

    Tables and maps hold needs, offers and notices, ended ones too; the sheet holds those that have
    not ended. Words of private matters stay out unless asked for.
    """
    import base64

    from meshaid.cli.cells import state_named
    from meshaid.cli.reach import Answer, perform
    from meshaid.cli.screen import show
    from meshaid.cli.written import PIPE, check_free, write_private

    piped = file == PIPE
    if piped and settings.json:
        raise click.UsageError("--json has standard output already: give a FILE other than `-`.")
    if not (force or piped):
        check_free(file, "choose another name, or write over it with --force")
    if chosen["status"]:
        chosen["status"] = state_named(chosen["status"], chosen["kind"] or "")
    answer = perform(settings, "export", {"format": form, **chosen})
    data = base64.b64decode(answer.result.pop("data"))
    result = {"file": str(file), "bytes": len(data), **answer.result}
    if piped:
        sys.stdout.buffer.write(data)
        say("\n".join(_export_lines(result)))
        return
    write_private(file, data, replace=force)
    show(settings, Answer(result, answer.heading), _export_page)


def _export_page(screen: Console, result: dict[str, Any]) -> None:
    for line in _export_lines(result):
        screen.print(line, soft_wrap=True)


def _export_lines(result: dict[str, Any]) -> list[str]:
    from meshaid.core.publishing import REASONS

    written = f"{_count(result['records'], 'record')} written, {result['bytes']} bytes."
    left_out = result["left_out"].items()
    return [written, *(f"Left out: {count} {REASONS[reason]}." for reason, count in left_out)]
