"""Cronofy's validation errors (docs: error codes)."""

from __future__ import annotations

from airflow_provider_rsvp.sandbox.wire import Response


def invalid(field: str, key: str, description: str) -> Response:
    """Make a 422 with the error under the field's name."""
    return Response(422, {"errors": {field: [{"key": f"errors.{key}", "description": description}]}})
