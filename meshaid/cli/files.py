"""Commands about files: import, export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meshaid.cli.options import Settings, TimeType, say, with_settings

if TYPE_CHECKING:
    from rich.console import Console


@click.command("import")
@with_settings
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE.csv")
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
def import_(settings: Settings, file: Path, start: int | None, where: tuple[str, ...]) -> None:
    """Bring in a table of slips (CSV in UTF-8), one record a row.

    Importing a table twice changes nothing. Bad rows are listed with their lines; the good ones
    are kept.
    """
    import base64

    from meshaid import limits
    from meshaid.cli.fields import pairs
    from meshaid.cli.reach import perform
    from meshaid.cli.screen import show
    from meshaid.cli.written import read_at_most

    data = read_at_most(file, limits.CSV_BYTES)
    arguments = {
        "data": base64.b64encode(data).decode(),
        "start": start,
        "where": pairs(where, "--where"),
    }
    answer = perform(settings, "import", arguments)
    for row in answer.result["unresolved"]:
        say(f"Note: line {row['line']}: {row['field']} names a row that is not here; left out.")
    show(settings, answer, _import_page)


def _import_page(screen: Console, result: dict[str, Any]) -> None:
    from meshaid.cli.screen import on_line

    screen.print(f"{result['imported']} records imported, {len(result['refused'])} rows refused.")
    for row in result["refused"]:
        screen.print(f"  line {row['line']}: {on_line(row['reason'])}", soft_wrap=True)
    if result["ignored_columns"]:
        names = ", ".join(map(on_line, result["ignored_columns"]))
        screen.print(f"Columns that are no fields, ignored: {names}.", soft_wrap=True)


@click.command()
@with_settings
@click.option(
    "--format",
    "form",
    type=click.Choice(["automerge", "jsonl"]),
    required=True,
    help="An Automerge document, or one JSON object a line and record.",
)
@click.option(
    "--member",
    required=True,
    metavar="M",
    help="Whose records: an id or its beginning, a shown name, or `me`.",
)
@click.option("--force", is_flag=True, help="Write over FILE if there is one.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def export(settings: Settings, form: str, member: str, force: bool, file: Path) -> None:
    """Write all records of one member to FILE, for other programs."""
    import base64

    from meshaid.cli.reach import Answer, perform
    from meshaid.cli.screen import show
    from meshaid.cli.written import check_free, write_private

    if not force:
        check_free(file)
    answer = perform(settings, "export", {"format": form, "member": member})
    data = base64.b64decode(answer.result.pop("data"))
    write_private(file, data, replace=force)
    result = {"file": str(file), "format": form, "bytes": len(data), **answer.result}

    def page(screen: Console, result: dict[str, Any]) -> None:
        screen.print(f"{result['records']} records written, {result['bytes']} bytes.")

    show(settings, Answer(result, answer.heading), page)
