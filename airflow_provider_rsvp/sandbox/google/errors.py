"""Google's error envelope and reasons (docs: handle API errors)."""

from __future__ import annotations

from airflow_provider_rsvp.sandbox.wire import RefusedError, Response

_USUAL = {
    400: ("badRequest", "Bad Request"),
    401: ("authError", "Invalid Credentials"),
    403: ("forbidden", "Forbidden"),
    404: ("notFound", "Not Found"),
    405: ("httpMethodNotAllowed", "Method Not Allowed"),
    409: ("conflict", "Conflict"),
    410: ("deleted", "Resource has been deleted"),
    412: ("conditionNotMet", "Precondition Failed"),
    429: ("rateLimitExceeded", "Rate Limit Exceeded"),
    500: ("backendError", "Backend Error"),
    502: ("badGateway", "Bad Gateway"),
    503: ("backendError", "Service unavailable. Please try again."),
    504: ("backendError", "Deadline expired"),
}
_USAGE = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "dailyLimitExceeded"})
SYNC_ENDED = ("fullSyncRequired", "Sync token is no longer valid, a full sync is required.")


def error(status: int, reason: str = "", message: str = "") -> Response:
    """Make an error response; reason and message default to the usual ones of the status."""
    usual_reason, usual_message = _USUAL.get(status, ("unknown", "Unknown Error"))
    reason, message = reason or usual_reason, message or usual_message
    detail = {
        "domain": "usageLimits" if reason in _USAGE else "global",
        "reason": reason,
        "message": message,
    }
    if status == 412:
        detail |= {"locationType": "header", "location": "If-Match"}
    return Response(status, {"error": {"errors": [detail], "code": status, "message": message}})


def refuse(status: int, reason: str = "", message: str = "") -> RefusedError:
    """Make a refusal with that error."""
    return RefusedError(error(status, reason, message))
