"""Write the reference pages that follow from the code: calls, commands, limits, errors, records, …

Run without arguments to write docs/reference/*.md, with --check to compare only (exit 1 and a
sentence for each page that is out of date).
"""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT))

from tools import calls  # noqa: E402

if TYPE_CHECKING:
    import click

TARGET = ROOT / "docs" / "reference"
WIDTH = 92
HEAD = "<!-- Written by tools/reference.py from the code: run `make reference`. -->\n"


def sentences(text: str) -> str:
    """A docstring on one line, safe in a table cell."""
    return " ".join(text.split()).replace("|", "\\|")


def statements(module: str) -> tuple[str, list[ast.stmt]]:
    """The source of a module of meshaid, and its statements."""
    source = (ROOT / "meshaid" / f"{module}.py").read_text(encoding="utf-8")
    return source, ast.parse(source).body


# ---- limits


def limits() -> Iterator[tuple[str, str, str, str]]:
    """(section, name, value, reason) of every bound, in the order of the file."""
    import meshaid.limits as values

    source, body = statements("limits")
    lines = source.splitlines()
    section = ""
    previous = 0
    for statement, after in zip(body, [*body[1:], None], strict=True):
        for line in lines[previous : statement.lineno]:
            if line.startswith("# ---- "):
                section = line.removeprefix("# ---- ")
        previous = statement.lineno
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            name = statement.target.id
            told = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            reason = str(after.value.value) if told else ""  # type: ignore[union-attr]
            value = getattr(values, name)
            shown = f"{value:,}".replace(",", " ") if isinstance(value, int | float) else value
            yield section, name, str(shown), sentences(reason)


def limits_page() -> Iterator[str]:
    """The page of all bounds."""
    yield "# Limits\n"
    yield (
        "*Format* bounds are part of the rules: every node reaches the same verdict, so they change"
        " only\nwith a new version of the rules. *Local* bounds delay or close; they never refuse"
        " for good."
    )
    section = ""
    for group, name, value, reason in limits():
        if group != section:
            section = group
            yield f"\n## {group[0].upper()}{group[1:]}\n"
            yield "| name | value | reason |\n|---|---|---|"
        yield f"| `{name}` | {value} | {reason} |"


# ---- errors


def errors_page() -> Iterator[str]:
    """The page of all errors, as a tree."""
    yield "# Errors\n"
    yield (
        "Everything that meshaid raises on purpose is a `MeshaidError`. Texts say what to do next"
        " and never\ncontain what people wrote.\n"
    )
    depths: dict[str, int] = {"Exception": -1}
    for statement in statements("errors")[1]:
        if isinstance(statement, ast.ClassDef):
            base = statement.bases[0]
            depth = depths[base.id if isinstance(base, ast.Name) else "Exception"] + 1
            depths[statement.name] = depth
            told = sentences(ast.get_docstring(statement) or "")
            yield f"{'  ' * depth}- **{statement.name}**: {told}"


# ---- commands


def command_group() -> click.Group:
    """The one command group of the command line."""
    import click

    import meshaid.cli.main as module

    return next(thing for thing in vars(module).values() if isinstance(thing, click.Group))


def help_text(command: click.Command, name: str) -> str:
    """What `--help` prints, at a fixed width."""
    import click

    context = click.Context(command, info_name=name, terminal_width=WIDTH, max_content_width=WIDTH)
    return command.get_help(context).rstrip()


def commands_page() -> Iterator[str]:
    """The page of all commands that are not hidden."""
    group = command_group()
    yield "# Commands\n"
    yield f"```text\n{help_text(group, 'meshaid')}\n```"
    for name, command in sorted(leaves(group)):
        yield f"\n## meshaid {name}\n"
        yield f"```text\n{help_text(command, f'meshaid {name}')}\n```"


def leaves(group: click.Group, before: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command that is not hidden, those of groups by both words."""
    import click

    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from leaves(command, f"{before}{name} ")
        elif not command.hidden:
            yield f"{before}{name}", command


# ---- records


def type_words(field_type: object) -> str:
    """A field's type as the protocol page names it, with its bounds or words."""
    from meshaid.core import fields

    match field_type:
        case fields.Line(most):
            return f"line({most})"
        case fields.Text(most):
            return f"text({most})"
        case fields.Texts(most):
            return f"texts({most})"
        case fields.NameList(most):
            return f"names({most})"
        case fields.Languages(most):
            return f"languages({most})"
        case fields.Degrees(most):
            return f"int: hundredths of a degree, up to {most} degrees"
        case fields.Int(least, most):
            return f"int {least} to {most}"
        case fields.Choice(words):
            return f"code: {', '.join(words)}"
        case fields.Codes(words):
            return f"codes: {', '.join(words)}" if words else "codes"
    named = {
        fields.Amount: "amount",
        fields.UnitName: "unit",
        fields.Time: "time",
        fields.Bool: "bool",
        fields.CategoryCode: "code: a category",
        fields.Ref: "ref",
        fields.Language: "language",
        fields.HubLetter: "letter",
        fields.Spoken: "code to say aloud",
    }
    return named[type(field_type)]


def records_page() -> Iterator[str]:
    """The page of all kinds of record with their fields, of categories and of units."""
    from meshaid.core import schema

    yield "# Records: fields and codes\n"
    yield (
        "What the kinds of record hold. The types are those of the protocol page, section Records."
    )
    yield "\n## In every kind\n\nBesides `kind` itself; `kind` and `created_at` are required.\n"
    yield from field_table(schema.COMMON)
    for kind in schema.KINDS.values():
        own = {name: kind.fields[name] for name in kind.fields if name not in schema.COMMON}
        term = "never, unless it says so" if kind.hours is None else f"after {kind.hours} h"
        writers = ", ".join(sorted(kind.writers))
        yield f"\n## {kind.code}\n\nWritten by members of kind: {writers}. Expires {term}.\n"
        yield from field_table(own)
    yield "\n## Reserved\n\nKinds and fields of later versions: nobody uses these names otherwise."
    yield "\n| kind | fields |\n|---|---|"
    for code, names in schema.RESERVED.items():
        yield f"| `{code}` | {', '.join(f'`{name}`' for name in names) or '-'} |"
    yield from code_tables()


def field_table(known: Mapping[str, object]) -> Iterator[str]:
    """One row a field."""
    yield "| field | type |\n|---|---|"
    for name, field_type in known.items():
        yield f"| `{name}` | {type_words(field_type)} |"


def code_tables() -> Iterator[str]:
    """Categories and units."""
    from meshaid.core.amounts import UNITS
    from meshaid.core.categories import CATEGORIES

    yield "\n## Categories\n\n| code | label | privacy | usual unit |\n|---|---|---|---|"
    for row in CATEGORIES.values():
        yield f"| `{row.code}` | {row.label} | {row.privacy} | {row.usual_unit or '-'} |"
    yield "\n## Units\n\nA unit of its own dimension stands alone.\n"
    yield "| code | label | dimension | in base units |\n|---|---|---|---|"
    for unit in UNITS.values():
        yield f"| `{unit.code}` | {unit.label} | {unit.dimension} | {unit.to_base} |"


# ---- modules


def modules_page() -> Iterator[str]:
    """The page of all modules: the first sentence of each one's own docstring."""
    yield "# Modules\n"
    yield (
        "What is where, in the words with which each file begins. The picture of their layers is\n"
        "on the architecture page."
    )
    package = ROOT / "meshaid"
    for folder in (package / "core", package, package / "cli", package / "testing"):
        yield f"\n## {folder.relative_to(ROOT)}\n\n| file | what |\n|---|---|"
        for path in sorted(folder.glob("*.py")):
            told = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
            first = sentences(told.partition("\n\n")[0]).partition(". ")[0].rstrip(".:")
            if first:
                yield f"| `{path.name}` | {first} |"


PAGES: dict[str, Callable[[], Iterator[str]]] = {
    "board.md": lambda: calls.board_page(command_group().commands),
    "cli.md": commands_page,
    "errors.md": errors_page,
    "limits.md": limits_page,
    "modules.md": modules_page,
    "records.md": records_page,
}


def main() -> int:
    """Write or check every page; 0 when all are as they should be."""
    os.environ.pop("MESHAID_HOME", None)
    check = sys.argv[1:] == ["--check"]
    stale = 0
    for name, page in PAGES.items():
        path = TARGET / name
        text = HEAD + "\n".join(page()) + "\n"
        if not check:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            print(f"docs/reference/{name} is out of date: run `make reference`", file=sys.stderr)
            stale += 1
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
