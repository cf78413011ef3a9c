"""`doorbus seal` and `doorbus unseal`: how scripts/backup and scripts/restore encrypt the archive of a site."""

import sys
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from doorbus.cli.common import ExitStatus, err
from doorbus.cli.lines import line
from doorbus.site import vault
from doorbus.site.vault import VaultError

_RECORD = 1024 * 1024
File = Annotated[Path, typer.Argument(metavar="FILE", dir_okay=False)]


def seal(file: File) -> None:
    """Encrypt standard input into FILE; its first line is the passphrase."""
    given = sys.stdin.buffer
    passphrase = _passphrase(given)
    try:
        with vault.sealing(file, passphrase) as write:
            while record := given.read(_RECORD):
                write(record)
    except OSError as error:
        _end(f"{file}: {error.strerror}")


def unseal(file: File) -> None:
    """Decrypt FILE, once all of it is known to be right; the first line of standard input is the passphrase."""
    passphrase = _passphrase(sys.stdin.buffer)
    try:
        for _ in vault.unseal(file, passphrase):
            pass
        for record in vault.unseal(file, passphrase):
            sys.stdout.buffer.write(record)
        sys.stdout.buffer.flush()
    except (VaultError, OSError) as error:
        _end(f"{file}: {error.strerror if isinstance(error, OSError) else error}")


def _passphrase(given: BinaryIO) -> str:
    passphrase = given.readline().decode().rstrip("\r\n")
    if len(passphrase) < vault.SHORTEST:
        _end(f"a passphrase has at least {vault.SHORTEST} characters; this has {len(passphrase)}")
    return passphrase


def _end(sentence: str) -> None:
    err.print(line((sentence, "red")))
    raise typer.Exit(ExitStatus.REFUSED)
