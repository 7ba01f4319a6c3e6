"""
Turns on one machine: locks that the kernel holds, and releases when their process ends.

A turn is a lock on one byte of one file; the byte's position is a hash of the event, and nobody reads or writes it. So
no files pile up, and nothing has to expire. POSIX locks belong to a process and do not keep its own repliers apart: the
process reach has to come first.
"""

from __future__ import annotations

import fcntl
import os
import struct
import threading
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

from airflow_provider_rsvp.exceptions import ConfigurationError

_LOCKS, _CARDS = "turns", "holders"
_CARD, _MOST_CARDS = 512, 4096
"""Bytes in which a process says who it is, and how many such slots there are."""
_FLOCK = "hhqqi4x"
"""``struct flock`` on Linux with 64-bit offsets: type, whence, start, length, process."""

_lock = threading.Lock()
_files: dict[Path, int] = {}
"""Open files, for the life of the process: closing one would release all locks that the process holds in it."""


class MachineReach:
    """
    Keeps out other processes on this machine.

    :param folder: the folder of the lock files, created if missing. Every process that takes turns must be able to
        write to it, and it must be on a disk of this machine
    :raises ConfigurationError: the folder cannot be used
    """

    def __init__(self, folder: str | Path) -> None:
        self._locks, self._cards = (_open(Path(folder), name) for name in (_LOCKS, _CARDS))

    async def take(self, names: Sequence[str], holder: str) -> set[str]:
        """Take the turns that are free."""
        free = {name for name in names if _try_lock(self._locks, name)}
        if free:
            card = f"{os.getpid()} {holder}".encode()[:_CARD].ljust(_CARD)
            os.pwrite(self._cards, card, _card_of(os.getpid()))
        return free

    async def give_back(self, names: Collection[str]) -> None:
        """Give back turns."""
        for name in names:
            fcntl.lockf(self._locks, fcntl.LOCK_UN, 1, _place(name))

    async def holder(self, name: str) -> str | None:
        """Return who holds a turn, as its process last wrote it down."""
        asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, _place(name), 1, 0)
        kind, _, _, _, process = struct.unpack(_FLOCK, fcntl.fcntl(self._locks, fcntl.F_GETLK, asked))
        if kind == fcntl.F_UNLCK:
            return None
        card = os.pread(self._cards, _CARD, _card_of(process)).decode(errors="replace")
        whose, _, holder = card.partition(" ")
        return holder.strip() if whose == str(process) else f"process {process}"

    def lasts_until(self, name: str) -> float | None:
        """Return None: it lasts as long as the process."""
        return None


def _open(folder: Path, name: str) -> int:
    path = folder / name
    with _lock:
        file = _files.get(path)
        if file is None:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
                # Tasks may run as other users (``run_as_user``).
                with suppress(PermissionError):
                    os.fchmod(file, 0o666)
            except OSError as error:
                raise ConfigurationError(
                    f"[rsvp] turns_folder: {str(folder)!r} cannot be used ({error.strerror}). Name a folder that all "
                    "Airflow processes of this machine can write to."
                ) from None
            _files[path] = file
    return file


def _card_of(process: int) -> int:
    """Return the position at which a process says who it is."""
    return process % _MOST_CARDS * _CARD


def _place(name: str) -> int:
    """Return the byte that stands for a turn; two events that share a byte wait for each other, which is harmless."""
    return int(name[:15], 16)


def _try_lock(file: int, name: str) -> bool:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _place(name))
    except OSError:
        return False
    return True
