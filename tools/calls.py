"""The page of `node.board`: every call with its arguments, units and errors, from the source.

Signatures and docstrings are read, not imported. A call that has a command of its own names it:
both do the same by the same function.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Final

PACKAGE: Final = Path(__file__).resolve().parent.parent / "meshaid"
FOR_THE_NODE: Final = re.compile(r"\b[Ff]or the node\b")
"""Says that a node needs it of its board, and no app does."""
COMMANDS: Final = {
    "enter": "need",
    "add_offer": "offer",
    "add_notice": "notice",
    "page": "board",
    "look": "show",
    "import_file": "import",
    "contact_add": "contact add",
    "contact_show": "contact show",
    "contact_erase": "contact erase",
}
"""Calls whose commands have another name; else `handed_over` is `handed-over`."""
LONGEST: Final = 92
"""Columns of a signature on one line."""
_SECTIONS: Final = ("Args:", "Returns:", "Raises:")
_ENTRY: Final = re.compile(r"(\w[\w, ]*): (.*)")

Method = ast.AsyncFunctionDef | ast.FunctionDef


@dataclass(frozen=True)
class Topic:
    """A class that `node.board` is put together of, or the board itself."""

    about: str
    """Its docstring's first sentence."""
    methods: Mapping[str, Method]


def _is_for_apps(method: Method) -> bool:
    told = ast.get_docstring(method)
    return bool(told) and FOR_THE_NODE.search(told or "") is None


def topics(module: str = "board_face", name: str = "BoardFace") -> Iterator[Topic]:
    """The public methods of a class of meshaid as they stand in its source: bases first."""
    tree = ast.parse((PACKAGE / f"{module}.py").read_text(encoding="utf-8"))
    found = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)
    homes = {
        alias.name: node.module.removeprefix("meshaid.")
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("meshaid.")
        for alias in node.names
    }
    for base in found.bases:
        if isinstance(base, ast.Name) and base.id in homes:
            yield from topics(homes[base.id], base.id)
    methods = {
        node.name: node
        for node in found.body
        if isinstance(node, Method) and not node.name.startswith("_") and _is_for_apps(node)
    }
    about = (ast.get_docstring(found) or "").partition("\n\n")[0]
    yield Topic(" ".join(about.split()), methods)


def signature(method: Method) -> str:
    """`await node.board.edit(ref: str, **fields: object) -> Row`, one argument a line if long."""
    told = [*_arguments(method.args)]
    returns = ast.unparse(method.returns) if method.returns else "None"
    call = "await " * isinstance(method, ast.AsyncFunctionDef) + f"node.board.{method.name}"
    line = f"{call}({', '.join(told)}) -> {returns}"
    if len(line) <= LONGEST:
        return line
    lines = "".join(f"    {argument},\n" for argument in told)
    return f"{call}(\n{lines}) -> {returns}"


def _arguments(arguments: ast.arguments) -> Iterator[str]:
    """Each argument but `self` as it is written."""

    def said(argument: ast.arg, default: ast.expr | None = None) -> str:
        value = f" = {ast.unparse(default)}" if default is not None else ""
        return ast.unparse(argument) + value

    optional = len(arguments.args) - len(arguments.defaults)
    for number, argument in enumerate(arguments.args):
        if argument.arg != "self":
            yield said(
                argument, arguments.defaults[number - optional] if number >= optional else None
            )
    if arguments.kwonlyargs:
        yield "*"
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield said(argument, default)
    if arguments.kwarg:
        yield f"**{said(arguments.kwarg)}"


def described(docstring: str) -> Iterator[str]:
    """A docstring as Markdown: its paragraphs, then its sections as lists."""
    section = ""
    entries: list[list[str]] = []
    lines = re.sub(r"\n+(Args|Returns|Raises):\n", r"\n\1:\n", docstring).splitlines()
    for line in [*lines, "end:"]:
        if line in (*_SECTIONS, "end:"):
            if entries:
                yield from _listed(section, entries)
            section, entries = line, []
        elif not section:
            yield line
        elif line.startswith("  ") and not line.startswith("   "):
            entries.append([line.strip()])
        elif entries:
            entries[-1].append(line.strip())


def _listed(section: str, entries: list[list[str]]) -> Iterator[str]:
    yield f"\n{ {'Args:': 'Arguments', 'Returns:': 'Gives', 'Raises:': 'Errors'}[section] }:\n"
    for lines in entries:
        words = " ".join(line for line in lines if line)
        match = _ENTRY.fullmatch(words) if section != "Returns:" else None
        yield f"- `{match[1]}`: {match[2]}" if match else f"- {words}"


def board_page(commands: Collection[str]) -> Iterator[str]:
    """The page; `commands` are the names of the command line."""
    yield "# Calls on `node.board`\n"
    yield (
        "Everything that a command does is one call here. Times are seconds since 1970; amounts are"
        " numbers or\ntexts with at most three decimals, in the unit that is said beside them;"
        " fields and their words stand on\nthe page {doc}`records`. `ref` names a record by its"
        " spoken code, its id, or the beginning of its id.\n\nA write is durable when the call"
        " returns. A call that raises has written nothing, unless it says so. Of\n`InvalidInput`,"
        " `fields` has a sentence for each field that does not fit. With `meshaid.blocking` the"
        "\nsame calls wait instead of being awaited."
    )
    for topic in topics():
        if topic.methods:
            yield f"\n## {topic.about.rstrip('.')}"
        for name, method in topic.methods.items():
            yield f"\n### {name}\n\n```text\n{signature(method)}\n```\n"
            yield from described(dedent(ast.get_docstring(method) or ""))
            command = COMMANDS.get(name, name.replace("_", "-"))
            if command.partition(" ")[0] in commands and name not in COMMANDS.values():
                yield f"\nOn the command line: `meshaid {command}`."
