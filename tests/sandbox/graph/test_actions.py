"""Answers to the sandbox's Graph against what is known of the service."""

from urllib.parse import quote

import pytest
from support.graph_requests import SLOT, act, assert_error, read, response, token, view

from airflow_provider_rsvp.sandbox.graph import ids, seed

pytestmark = pytest.mark.any_airflow


class TestActions:
    @pytest.mark.parametrize(
        ("action", "seen", "status"),
        [
            ("accept", "accepted", "accepted"),
            ("tentativelyAccept", "tentativelyAccepted", "tentative"),
        ],
    )
    def test_answer(self, alice, event, sandbox, action, seen, status):
        reply = act(alice, event("standup"), action, {"comment": "See you", "sendResponse": True})
        assert (reply.status, reply.text) == (202, "")
        shown = read(alice, event("standup")).json["responseStatus"]
        assert shown["response"] == seen
        assert not shown["time"].startswith("0001")
        (mail,) = sandbox.mail()
        assert mail["status"] == status
        assert mail["comment"] == "See you"
        assert mail["mailbox"] == mail["attendee"] == "alice@contoso.example"
        assert mail["event_id"] == event("standup")

    def test_declining_moves_to_deleted_items(self, alice, event, sandbox):
        assert act(alice, event("standup"), "decline").status == 202
        assert_error(read(alice, event("standup")), 404, "ErrorItemNotFound")
        assert_error(act(alice, event("standup"), "accept"), 404, "ErrorItemNotFound")
        assert event("standup") not in view(alice)
        assert [mail["status"] for mail in sandbox.mail()] == ["declined"]

    def test_declining_keeps_the_event_where_the_mailbox_says_so(self, carol, event):
        standup = event("standup", "carol@contoso.example")
        act(carol, standup, "decline")
        assert response(carol, standup) == "declined"
        assert view(carol)[standup]["showAs"] == "free"

    def test_immutable_id_survives_the_move(self, alice, event):
        immutable = ids.immutable("alice@contoso.example", "standup")
        act(alice, immutable, "decline")
        assert response(alice, immutable) == "declined"

    def test_body_is_optional_and_names_have_any_case(self, alice, event, sandbox):
        act(alice, event("standup"), "accept")
        act(alice, event("planning"), "accept", {})
        act(alice, event("review"), "accept", {"Comment": "c", "SendResponse": True})
        act(alice, event("lunch"), "accept", {"SendResponse": False})
        assert [(mail["subject"], mail["comment"]) for mail in sandbox.mail()] == [
            ("Daily standup", None),
            ("Sprint planning", None),
            ("Design review", "c"),
        ]
        assert response(alice, event("lunch")) == "accepted"

    def test_silent_answer_leaves_the_organizers_tracking(self, alice, event):
        act(alice, event("standup"), "accept", {"sendResponse": False})
        me = read(alice, event("standup")).json["attendees"][0]
        assert me["status"]["response"] == "none"
        act(alice, event("standup"), "accept", {"sendResponse": True})
        me, *others = read(alice, event("standup")).json["attendees"]
        assert me["status"]["response"] == "accepted"
        assert {each["status"]["response"] for each in others} == {"none"}

    @pytest.mark.parametrize("action", ["tentativelyAccept", "decline"])
    def test_proposed_time(self, alice, event, sandbox, action):
        act(alice, event("standup"), action, {"proposedNewTime": SLOT, "sendResponse": True})
        (mail,) = sandbox.mail()
        assert mail["proposed_time"] == {
            "start": "2030-01-02T18:00:00-08:00",
            "end": "2030-01-02T19:00:00-08:00",
        }

    def test_repeating_mails_again(self, alice, event, sandbox):
        for _ in range(2):
            act(alice, event("standup"), "accept")
        assert len(sandbox.mail()) == 2

    def test_series_in_one_reply(self, alice, event, sandbox):
        act(alice, event("training"), "accept")
        assert response(alice, event("training-3")) == "accepted"
        assert len(sandbox.mail()) == 1

    def test_one_occurrence(self, alice, event):
        act(alice, event("training-3"), "decline")
        assert read(alice, event("training-3")).status == 404
        assert response(alice, event("training-2")) == "notResponded"
        assert response(alice, event("training")) == "notResponded"

    def test_organizer_sees_the_answer(self, alice, graph, event):
        bob = graph.bearing(seed.BOB.access_token)
        act(bob, event("own", "bob@contoso.example"), "tentativelyAccept", {"proposedNewTime": SLOT})
        bobs = read(alice, event("own")).json["attendees"][0]
        assert bobs["status"]["response"] == "tentativelyAccepted"
        assert bobs["proposedNewTime"]["start"] == {
            "dateTime": "2030-01-03T02:00:00.0000000",
            "timeZone": "UTC",
        }

    def test_beta(self, alice, event, sandbox):
        assert act(alice, event("standup"), "accept", where="/beta/me").status == 202
        sandbox.reset(graph_beta_status=200)
        assert act(alice, event("standup"), "accept", where="/beta/me").status == 200
        assert act(alice, event("standup"), "accept").status == 202


class TestForms:
    @pytest.mark.parametrize("owner", ["me", "users/alice@contoso.example", f"users/{seed.ALICE.id}"])
    @pytest.mark.parametrize(
        "calendar", ["", "/calendar", "/calendars/{cid}", "/calendarGroups/{gid}/calendars/{cid}"]
    )
    @pytest.mark.parametrize("version", ["v1.0", "beta"])
    def test_all(self, alice, event, owner, calendar, version):
        cid = quote(ids.default("alice", "calendar"), safe="")
        gid = quote(ids.default("alice", "group-my"), safe="")
        base = f"/{version}/{owner}{calendar.format(cid=cid, gid=gid)}"
        standup = quote(event("standup"), safe="")
        assert alice.get(f"{base}/events/{standup}").status == 200
        assert event("standup") in view(alice, base)
        assert alice.post(f"{base}/events/{standup}/accept", data={}).status == 202

    def test_old_and_odd_ones(self, alice, event):
        cid, standup = ids.default("alice", "calendar"), event("standup")
        for path in (
            f"/v1.0/me/calendargroup/calendars/{cid}/events/{standup}/accept",
            f"/v1.0/me/calendargroups/{ids.default('alice', 'group-my')}/calendars/{cid}/events/{standup}/accept",
            f"/V1.0/ME/Events/{standup}/TentativelyAccept",
            f"/v1.0/me/events/{standup}/microsoft.graph.accept",
            f"/v1.0/users('alice@contoso.example')/events/{standup}/accept",
        ):
            assert alice.post(path).status == 202, path

    def test_event_must_be_in_the_calendar(self, alice, event):
        team = ids.default("alice", "calendar-team")
        assert act(alice, event("team"), "accept", where=f"/v1.0/me/calendars/{team}").status == 202
        wrong = act(alice, event("standup"), "accept", where=f"/v1.0/me/calendars/{team}")
        assert_error(wrong, 404, "ErrorItemNotFound")
        group = ids.default("alice", "group-my")
        wrong = act(alice, event("team"), "accept", where=f"/v1.0/me/calendarGroups/{group}/calendars/{team}")
        assert_error(wrong, 404, "ErrorItemNotFound")

    def test_event_of_another_mailbox(self, alice, event):
        theirs = event("standup", "bob@contoso.example")
        assert_error(read(alice, theirs), 404, "ErrorItemNotFound")


class TestRefusals:
    @pytest.mark.parametrize(
        ("slug", "action", "body", "code"),
        [
            ("own", "accept", {}, "ErrorInvalidRequest"),
            ("no-response", "accept", {}, "ErrorInvalidRequest"),
            ("no-proposals", "decline", {"proposedNewTime": SLOT}, "ErrorInvalidParameter"),
            ("standup", "decline", {"proposedNewTime": SLOT, "sendResponse": False}, "ErrorInvalidParameter"),
            ("standup", "accept", {"comment": "c", "sendResponse": False}, "ErrorInvalidParameter"),
            ("standup", "accept", {"proposedNewTime": SLOT}, "RequestBodyRead"),
            ("standup", "accept", {"sendResponse": "yes"}, "RequestBodyRead"),
            ("standup", "accept", [], "BadRequest"),
        ],
    )
    def test_400(self, alice, event, sandbox, slug, action, body, code):
        assert_error(act(alice, event(slug), action, body), 400, code)
        assert sandbox.mail() == []

    def test_organizer_and_no_response_differ_in_text_only(self, alice, event):
        own = act(alice, event("own"), "accept").json["error"]["message"]
        unasked = act(alice, event("no-response"), "accept").json["error"]["message"]
        assert "organizer" in own
        assert "hasn't requested a response" in unasked
        assert act(alice, event("no-response"), "accept", {"sendResponse": False}).status == 202

    def test_unknown_time_zone(self, alice, event):
        slot = {**SLOT, "start": {**SLOT["start"], "timeZone": "Mars Standard Time"}}
        reply = act(alice, event("standup"), "decline", {"proposedNewTime": slot})
        assert_error(reply, 400, "TimeZoneNotSupportedException")

    def test_cancelled_and_draft(self, alice, event):
        assert act(alice, event("cancelled"), "accept").status == 400
        assert act(alice, event("draft"), "accept").status == 400

    def test_read_only_calendar(self, alice, event):
        assert_error(act(alice, event("readonly"), "accept"), 403, "ErrorAccessDenied")

    def test_malformed_and_unknown_ids(self, alice):
        assert_error(act(alice, "651", "accept"), 400, "ErrorInvalidIdMalformed")
        assert_error(act(alice, ids.default("alice", "nothing"), "accept"), 404, "ErrorItemNotFound")
        assert_error(read(alice, ids.default("alice", "standup").lower()), 400, "ErrorInvalidIdMalformed")

    def test_tokens(self, graph, sandbox):
        for client in (graph, graph.bearing("x")):
            assert_error(client.get("/v1.0/me"), 401, "InvalidAuthenticationToken")
        issued = graph.bearing(token(graph).json["access_token"])
        sandbox.expire_tokens()
        reply = issued.get("/v1.0/users/alice@contoso.example")
        assert_error(reply, 401, "InvalidAuthenticationToken")
        assert "expired" in reply.json["error"]["message"]

    def test_me_without_a_user(self, app):
        assert_error(app.get("/v1.0/me/events"), 400, "BadRequest")

    def test_users(self, app):
        assert_error(app.get("/v1.0/users/nobody@contoso.example/events"), 404, "ErrorInvalidUser")
        unlicensed = app.get("/v1.0/users/unlicensed@contoso.example/events")
        assert_error(unlicensed, 404, "MailboxNotEnabledForRESTAPI")
        assert_error(app.get("/v1.0/users/restricted@contoso.example/events"), 403, "ErrorAccessDenied")
        assert app.get("/v1.0/users/bob@contoso.example/events").status == 200

    def test_other_mailbox_and_missing_permission(self, alice, graph, event):
        assert_error(alice.get("/v1.0/users/bob@contoso.example/events"), 403, "ErrorAccessDenied")
        reading = graph.bearing(seed.ALICE.readonly_access_token)
        assert read(reading, event("standup")).status == 200
        assert_error(act(reading, event("standup"), "accept"), 403, "ErrorAccessDenied")


class TestPeople:
    def test_me(self, alice, app):
        me = alice.get("/v1.0/me").json
        assert me["userPrincipalName"] == me["mail"] == "alice@contoso.example"
        assert app.get(f"/v1.0/users/{seed.BOB.id}").json["mail"] == "bob@contoso.example"
        assert_error(app.get("/v1.0/users/nobody@contoso.example"), 404, "ErrorInvalidUser")
        assert alice.get("/v1.0/me/mailboxSettings").json["timeZone"] == "Europe/Berlin"

    def test_calendars(self, alice):
        calendars = {each["name"]: each for each in alice.get("/v1.0/me/calendars").json["value"]}
        assert set(calendars) == {"Calendar", "Team", "Operations"}
        assert calendars["Operations"]["canEdit"] is False
        assert alice.get("/v1.0/me/calendar").json == calendars["Calendar"]
        assert alice.get(f"/v1.0/me/calendars/{calendars['Team']['id']}").json == calendars["Team"]
        groups = {each["name"]: each["id"] for each in alice.get("/v1.0/me/calendarGroups").json["value"]}
        inside = alice.get(f"/v1.0/me/calendarGroups/{groups['Other Calendars']}/calendars").json["value"]
        assert {each["name"] for each in inside} == {"Team", "Operations"}
