"""The sandbox's Google Calendar: what an answer changes, and what is refused."""

import pytest
from support.google_requests import ALICE, BOB, CAROL, PRIMARY, answer, assert_error, attendees, below, patch

from airflow_provider_rsvp.sandbox.google import seed

pytestmark = pytest.mark.any_airflow


class TestAnAnswer:
    @pytest.mark.parametrize(
        ("response", "status"),
        [
            ("accepted", "accepted"),
            ("tentative", "tentative"),
            ("declined", "declined"),
            ("needsAction", "needs-action"),
        ],
    )
    def test_is_set_and_told(self, alice, event, sandbox, response, status):
        body = answer(response, comment="See you")
        shown = patch(alice, event("standup"), body, sendUpdates="all").json
        assert attendees(shown) == {ALICE: response, BOB: "needsAction", CAROL: "needsAction"}
        (mail,) = sandbox.mail()
        assert (mail["status"], mail["comment"], mail["mailbox"]) == (status, "See you", ALICE)

    @pytest.mark.parametrize(
        ("slug", "updates", "mails"),
        [
            ("standup", {"sendUpdates": "all"}, 1),
            ("standup", {"sendUpdates": "externalOnly"}, 0),
            ("interview", {"sendUpdates": "externalOnly"}, 1),
            ("standup", {"sendUpdates": "none"}, 0),
            ("standup", {}, 0),
        ],
    )
    def test_is_mailed_as_asked(self, alice, event, sandbox, slug, updates, mails):
        assert patch(alice, event(slug), answer("accepted"), **updates).status == 200
        assert len(sandbox.mail()) == mails

    @pytest.mark.parametrize("updates", ["all", "none"])
    def test_shows_on_every_copy(self, alice, carol, event, updates):
        before = carol.get(f"{PRIMARY}/{event('standup', CAROL)}").json
        patch(alice, event("standup"), answer("accepted"), sendUpdates=updates)
        after = carol.get(f"{PRIMARY}/{event('standup', CAROL)}").json
        assert attendees(after)[ALICE] == "accepted"
        assert after["etag"] != before["etag"]

    def test_leaves_a_comment_that_it_does_not_name(self, alice, event):
        shown = patch(alice, event("commented"), answer("declined")).json
        assert shown["attendees"][0]["comment"] == seed.THEIR_COMMENT
        assert (
            "comment"
            not in patch(alice, event("commented"), answer("declined", comment="")).json["attendees"][0]
        )

    def test_without_a_status_takes_the_answer_back(self, alice, event):
        body = {"attendeesOmitted": True, "attendees": [{"email": ALICE}]}
        assert attendees(patch(alice, event("accepted"), body).json)[ALICE] == "needsAction"

    def test_does_not_touch_others_where_entries_are_omitted(self, alice, event):
        body = answer("accepted")
        body["attendees"].append({"email": BOB, "responseStatus": "declined"})
        assert attendees(patch(alice, event("standup"), body).json)[BOB] == "needsAction"

    def test_on_the_series_is_for_all_instances(self, alice, event):
        patch(alice, event("training"), answer("accepted"))
        assert {
            attendees(alice.get(f"{PRIMARY}/{event(f'training-{n}')}").json)[ALICE] for n in range(1, 6)
        } == {"accepted"}

    def test_can_claim_success_and_do_nothing(self, alice, event, sandbox):
        sandbox.faults([{"operation": "send", "kind": "no_effect"}])
        reply = patch(alice, event("standup"), answer("accepted"), sendUpdates="all")
        assert (reply.status, attendees(reply.json)[ALICE]) == (200, "needsAction")
        assert sandbox.mail() == []


class TestAListOfAttendees:
    def test_replaces_the_events(self, alice, event, sandbox):
        """What happens to those who take the whole list for their own entry."""
        body = {"attendees": [{"email": ALICE, "responseStatus": "accepted"}]}
        assert attendees(patch(alice, event("standup"), body).json) == {ALICE: "accepted"}
        row = next(row for row in sandbox.invitations() if row["event_id"] == event("standup", CAROL))
        assert set(row["attendees"]) == {ALICE}

    def test_can_invite(self, alice, event):
        body = {"attendees": [{"email": each} for each in (ALICE, BOB, CAROL, "new@workspace.example")]}
        assert "new@workspace.example" in attendees(patch(alice, event("standup"), body).json)


class TestVersions:
    def test_one_that_was_seen_is_changed(self, alice, event):
        seen = alice.get(f"{PRIMARY}/{event('standup')}")
        assert seen.headers["ETag"] == seen.json["etag"]
        reply = patch(alice, event("standup"), answer("accepted"), headers={"If-Match": seen.json["etag"]})
        assert reply.status == 200
        assert reply.json["etag"] != seen.json["etag"]

    def test_an_older_one_is_not(self, alice, event, sandbox):
        seen = alice.get(f"{PRIMARY}/{event('standup')}").json["etag"]
        sandbox.answer("google", event("standup"), BOB, "accepted")
        reply = patch(
            alice, event("standup"), answer("accepted"), headers={"If-Match": seen}, sendUpdates="all"
        )
        assert_error(reply, 412, "conditionNotMet")
        assert attendees(alice.get(f"{PRIMARY}/{event('standup')}").json)[ALICE] == "needsAction"
        assert [mail["attendee"] for mail in sandbox.mail()] == [BOB]

    def test_any_is_changed_where_none_is_named(self, alice, event):
        assert patch(alice, event("standup"), answer("accepted"), headers={"If-Match": "*"}).status == 200

    def test_stay_the_same_when_nothing_happens(self, alice, event):
        first, second = (
            alice.get(f"{PRIMARY}/{event('standup')}", query=query).json["etag"]
            for query in ({}, {"maxAttendees": "1", "timeZone": "Asia/Tokyo"})
        )
        assert first == second


class TestRefusals:
    @pytest.mark.parametrize(
        ("body", "status", "reason"),
        [
            ({"summary": "Mine now"}, 403, "forbiddenForNonOrganizer"),
            ({"attendeesOmitted": True, "attendees": []}, 400, "invalid"),
            ({"attendeesOmitted": True, "attendees": [{"email": BOB}]}, 400, "invalid"),
            ({"attendees": "me"}, 400, "invalid"),
            ({"attendees": [{}]}, 400, "required"),
            ({"attendees": [{"email": ALICE, "responseStatus": "yes"}]}, 400, "invalid"),
            ([], 400, "parseError"),
        ],
    )
    def test_bodies(self, alice, event, sandbox, body, status, reason):
        assert_error(patch(alice, event("standup"), body, sendUpdates="all"), status, reason)
        assert sandbox.mail() == []

    def test_unknown_updates(self, alice, event):
        reply = patch(alice, event("standup"), answer("accepted"), sendUpdates="everybody")
        assert_error(reply, 400, "invalidParameter")

    def test_tokens(self, google, event, sandbox):
        assert_error(google.get(PRIMARY), 401, "authError")
        reading = google.bearing(seed.ALICE.readonly_access_token)
        assert reading.get(PRIMARY).status == 200
        assert_error(patch(reading, event("standup"), answer("accepted")), 403, "insufficientPermissions")
        sandbox.revoke_tokens("google")
        assert_error(reading.get(PRIMARY), 401, "authError")

    def test_calendars_of_others(self, alice, event):
        assert alice.get(below(CAROL)).json["accessRole"] == "writer"
        assert alice.get(below(BOB)).json["accessRole"] == "reader"
        assert_error(alice.get(below(seed.ROOM.address)), 404, "notFound")
        assert_error(alice.get(below("nobody@workspace.example")), 404, "notFound")
        reply = patch(alice, event("standup", BOB), answer("accepted"), where=below(BOB))
        assert_error(reply, 403, "requiredAccessLevel")
        mine_on_theirs = patch(
            alice,
            event("standup", CAROL),
            {"attendeesOmitted": True, "attendees": [{"email": CAROL, "responseStatus": "accepted"}]},
            where=below(CAROL),
        )
        assert [entry["email"] for entry in mine_on_theirs.json["attendees"] if entry.get("self")] == [CAROL]

    def test_an_event_is_on_one_calendar(self, alice, event):
        assert alice.get(f"{below(seed.TEAM_CALENDAR)}/{event('team')}").status == 200
        assert_error(alice.get(f"{PRIMARY}/{event('team')}"), 404, "notFound")
        assert_error(alice.get(f"{PRIMARY}/nowhere"), 404, "notFound")

    def test_what_was_cancelled(self, alice, event):
        shown = alice.get(f"{PRIMARY}/{event('cancelled')}").json
        assert set(shown) == {"kind", "etag", "id", "status"}
        assert_error(patch(alice, event("cancelled"), answer("accepted")), 410, "deleted")
