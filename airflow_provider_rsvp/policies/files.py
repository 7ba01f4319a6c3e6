"""Which files a policy may name, and reading them."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path

from airflow_provider_rsvp.plans.reading import Reader, shown

LONGEST_FILE = 5_000_000
"""Bytes of a file that a policy names."""


@dataclass(frozen=True, slots=True)
class Files:
    """
    The files that a policy may name.

    :param folder: where a relative path begins; None where there are no files to be named
    :param confined: whether what lies outside of the folder is out of reach, as for a policy whose author may not read
        the worker's files
    """

    folder: Path | None = Path()
    confined: bool = False

    def read(self, reader: Reader) -> str:
        """
        Return the text of the file whose path a value is.

        :raises PolicyError: it is out of reach, or cannot be read; tells nothing of what is out of reach
        """
        name = reader.text()
        if self.folder is None:
            reader.fail(
                "a policy from a Variable, a param or an XCom may name no files here. Write the days under 'holidays', "
                "or let [rsvp] policy_files_folder in Airflow's configuration name the folder of such files."
            )
        try:
            path = self._path(self.folder, name)
        except (OSError, ValueError, RuntimeError):
            path = None
        if path is None:
            reader.fail(
                f"{shown(name)} does not lie within the folder that [rsvp] policy_files_folder names, as the files of "
                "a policy from a Variable, a param or an XCom must."
            )
        try:
            return _text(path)
        except (OSError, ValueError) as error:
            reader.fail(f"cannot read {shown(name)}: {_reason(error)}.")

    def _path(self, folder: Path, name: str) -> Path | None:
        if not self.confined:
            return folder / name
        inside = folder.resolve()
        # Links are followed before it is asked where they lead.
        path = (inside / name).resolve()
        return path if path.is_relative_to(inside) else None


def _text(path: Path) -> str:
    details = path.stat()
    if not stat.S_ISREG(details.st_mode):
        raise ValueError("it is not a file")
    if details.st_size > LONGEST_FILE:
        raise ValueError(f"it has {details.st_size} bytes, and {LONGEST_FILE} are the most")
    return path.read_text(encoding="utf-8")


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeError):
        return "it is not UTF-8"
    return getattr(error, "strerror", None) or str(error)
