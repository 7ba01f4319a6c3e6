"""Requests to the sandbox's Graph, as an Outlook client makes them."""

from datetime import UTC, datetime, timedelta

from airflow_provider_rsvp.sandbox.graph import seed

SLOT = {
    "start": {"dateTime": "2030-01-02T18:00:00", "timeZone": "Pacific Standard Time"},
    "end": {"dateTime": "2030-01-02T19:00:00", "timeZone": "America/Los_Angeles"},
}


def token(graph, tenant=seed.TENANT_ID, **changes):
    form = {
        "grant_type": "client_credentials",
        "client_id": seed.CLIENT_ID,
        "client_secret": seed.CLIENT_SECRET,
        "scope": "https://graph.microsoft.com/.default",
        **changes,
    }
    return graph.post(f"/{tenant}/oauth2/v2.0/token", form={k: v for k, v in form.items() if v is not None})


def act(client, event_id, action, body=None, where="/v1.0/me", **given):
    return client.post(f"{where}/events/{event_id}/{action}", data=body, **given)


def read(client, event_id, **given):
    return client.get(f"/v1.0/me/events/{event_id}", **given)


def response(client, event_id):
    return read(client, event_id).json["responseStatus"]["response"]


def window(days=30, **more):
    start = datetime.now(UTC).replace(microsecond=0)
    return {
        "startDateTime": start.isoformat(),
        "endDateTime": (start + timedelta(days=days)).isoformat(),
        "$top": 1000,
        **more,
    }


def view(client, where="/v1.0/me", **given):
    reply = client.get(f"{where}/calendarView", query=window(), **given)
    assert reply.status == 200, reply.text
    return {each["id"]: each for each in reply.json["value"]}


def assert_error(reply, status, code):
    assert reply.status == status, reply.text
    error = reply.json["error"]
    assert error["code"] == code
    assert error["message"]
    assert set(error["innerError"]) == {"date", "request-id", "client-request-id"}
