"""Files that a command reads or writes for a person."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

import click

from meshaid import home
from meshaid.errors import InvalidInput, MeshaidError

PIPE: Final = Path("-")
"""Where a file is asked for: standard input or output."""


def check_free(path: Path, instead: str = "choose another name") -> None:
    """Refuse to overwrite. Raises InvalidInput when there is something with this name."""
    if path.exists() or path.is_symlink():
        raise InvalidInput(f"there is a file {path} already; {instead}")


def write_private(path: Path, content: bytes, *, replace: bool = False) -> None:
    """Write a file that only this user can read (0600), whole or not at all, durable.

    Raises InvalidInput when it exists and `replace` is not said; MeshaidError for the disk's
    refusal.
    """
    beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        if not replace:
            home.write_new(path, content)
            return
        home.write_new(beside, content)
        beside.replace(path)
    except FileExistsError:
        check_free(path)
        raise
    except OSError as error:
        raise MeshaidError(
            f"the file cannot be written ({os.strerror(error.errno or 0)}); choose another place"
        ) from error


def read_at_most(path: Path, most: int) -> bytes:
    """A file's content, or that of standard input for `PIPE`.

    Raises InvalidInput when it cannot be read or is larger than `most`.
    """
    try:
        with click.open_file(str(path), "rb") as file:
            content: bytes = file.read(most + 1)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise InvalidInput(f"the file cannot be read ({reason}); check its name") from error
    if len(content) > most:
        raise InvalidInput(f"the file is larger than {most} bytes; give the right file")
    return content
