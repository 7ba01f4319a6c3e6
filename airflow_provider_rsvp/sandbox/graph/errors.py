"""Graph's error envelope and codes (docs: error responses)."""

from __future__ import annotations

import uuid

from airflow_provider_rsvp.sandbox.wire import RefusedError, Response
from airflow_provider_rsvp.sandbox.world import now

_USUAL = {
    400: ("BadRequest", "The request is not valid."),
    401: ("InvalidAuthenticationToken", "Access token has expired or is not yet valid."),
    403: ("ErrorAccessDenied", "Access is denied. Check credentials and try again."),
    404: ("ErrorItemNotFound", "The specified object was not found in the store."),
    409: ("ErrorIrresolvableConflict", "The change conflicts with another change."),
    410: ("resyncRequired", "Resync required."),
    424: ("FailedDependency", "A request that this one depends on has failed."),
    429: ("TooManyRequests", "Too many requests."),
    500: ("ErrorInternalServerTransientError", "An internal server error occurred. Try again later."),
    502: ("BadGateway", "Bad gateway."),
    503: ("serviceNotAvailable", "The service is not available."),
    504: ("UnknownError", ""),
}
CANNOT = "Your request can't be completed."
AS_ORGANIZER = f"{CANNOT} You can't respond to this meeting because you're the meeting organizer."
NOT_REQUESTED = f"{CANNOT} The meeting organizer hasn't requested a response."


def error(status: int, code: str = "", message: str = "", headers: dict[str, str] | None = None) -> Response:
    """Make an error response; code and message default to the usual ones of the status."""
    usual_code, usual_message = _USUAL.get(status, ("UnknownError", ""))
    request_id = str(uuid.uuid4())
    body = {
        "error": {
            "code": code or usual_code,
            "message": message or usual_message,
            "innerError": {
                "date": now().strftime("%Y-%m-%dT%H:%M:%S"),
                "request-id": request_id,
                "client-request-id": request_id,
            },
        }
    }
    return Response(status, body, headers or {})


def refuse(status: int, code: str = "", message: str = "") -> RefusedError:
    """Make a refusal with that error."""
    return RefusedError(error(status, code, message))
