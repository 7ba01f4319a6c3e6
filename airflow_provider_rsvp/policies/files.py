"""Which files a policy may name, and how they are read."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path

from airflow_provider_rsvp.plans.reading import Reader, shown

LONGEST_FILE = 5_000_000
"""The largest size of a file that a policy names, in bytes."""


@dataclass(frozen=True, slots=True)
class Files:
    """
    The files that a policy may name.

    :param folder: the folder of relative paths; None if the policy may name no files
    :param confined: whether files outside the folder are forbidden, as for a policy whose author may not read the
        worker's files
    """

    folder: Path | None = Path()
    confined: bool = False

    def read(self, reader: Reader) -> str:
        """
        Return the text of the file that a value names.

        :raises PolicyError: the file is forbidden or cannot be read; the message says nothing about forbidden files
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
        # Links are followed first, so that the check sees where they lead.
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
