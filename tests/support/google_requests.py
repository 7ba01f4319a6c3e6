"""Requests to the sandbox's Google Calendar, and what is looked at in a response."""

from urllib.parse import quote

from airflow_provider_rsvp.sandbox.google import seed

ALICE, BOB, CAROL = seed.ALICE.address, seed.BOB.address, seed.CAROL.address
PRIMARY = "/calendar/v3/calendars/primary/events"


def below(calendar):
    return f"/calendar/v3/calendars/{quote(calendar, safe='')}/events"


def patch(client, event_id, body, where=PRIMARY, headers=None, **query):
    return client.send("PATCH", f"{where}/{event_id}", query=query, data=body, headers=headers)


def answer(status, **more):
    return {"attendeesOmitted": True, "attendees": [{"email": ALICE, "responseStatus": status, **more}]}


def attendees(shown):
    return {entry["email"]: entry["responseStatus"] for entry in shown.get("attendees", [])}


def assert_error(reply, status, reason, domain="global"):
    assert reply.status == status, reply.text
    error = reply.json["error"]
    assert error["code"] == status
    assert (error["errors"][0]["reason"], error["errors"][0]["domain"]) == (reason, domain)
    assert error["message"] == error["errors"][0]["message"] != ""


def items(client, where=PRIMARY, **query):
    reply = client.get(where, query=query)
    assert reply.status == 200, reply.text
    return {each["id"]: each for each in reply.json["items"]}
