"""Reports as files, on any storage that Airflow can access."""

from __future__ import annotations

from airflow_provider_rsvp.exceptions import InvalidInputError
from airflow_provider_rsvp.plans import Report

_SUFFIXES = (".json", ".csv")


def check_report_path(path: str) -> None:
    """
    Check that a report can be written to a path.

    :raises InvalidInputError: its name ends neither with ``.json`` nor with ``.csv``
    """
    if not path.endswith(_SUFFIXES):
        raise InvalidInputError(f"report_path: {path!r} ends neither with '.json' nor with '.csv'.")


def write_report(report: Report, path: str) -> None:
    """
    Write a report as JSON or CSV, as the name of the file says.

    :param path: as :class:`airflow.sdk.ObjectStoragePath` takes it, such as ``s3://aws_default@bucket/report.csv``
    """
    from airflow.sdk import ObjectStoragePath

    target = ObjectStoragePath(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(report.as_csv() if path.endswith(".csv") else report.as_json(), encoding="utf-8")


def read_report(path: str) -> Report:
    """
    Read a report that was written as JSON.

    :raises InvalidInputError: there is no such report
    """
    from airflow.sdk import ObjectStoragePath

    if not path.endswith(".json"):
        raise InvalidInputError(
            f"report_path: {path!r} is not a '.json'; only from JSON a report is read back."
        )
    source = ObjectStoragePath(path)
    if not source.exists():
        raise InvalidInputError(f"report_path: there is no file {path!r}.")
    return Report.from_json(source.read_text(encoding="utf-8"))
