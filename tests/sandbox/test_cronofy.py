"""The sandbox's Cronofy against what is known of the service."""

import time

import pytest

from airflow_provider_rsvp.sandbox.cronofy import seed

pytestmark = pytest.mark.any_airflow

GOOGLE = "cal_alice%40google-work_01"
EXCHANGE = "cal_alice%40exchange-main_02"
READONLY = "cal_alice%40readonly-team_03"


@pytest.fixture
def alice(cronofy):
    return cronofy.bearing(seed.alice().access_token)


def path(uid, calendar=GOOGLE):
    return f"/v1/calendars/{calendar}/events/{uid}/participation_status"


def events(client, **query):
    reply = client.get("/v1/events", query={"tzid": "Etc/UTC", **query})
    assert reply.status == 200, reply.text
    return {event["event_uid"]: event for event in reply.json["events"]}


def error_key(reply, field):
    assert reply.status == 422
    return reply.json["errors"][field][0]["key"]


class TestSettingParticipation:
    @pytest.mark.parametrize("status", ["accepted", "tentative", "declined"])
    def test_is_accepted_for_processing_without_a_body(self, alice, sandbox, status):
        reply = alice.post(path("evt_external_standup"), data={"status": status})
        assert (reply.status, reply.text) == (202, "")
        assert events(alice)["evt_external_standup"]["participation_status"] == status
        (mail,) = sandbox.mail()
        assert mail["service"] == "cronofy"
        assert mail["event_id"] == "evt_external_standup"
        assert mail["attendee"] == "alice@company.example"
        assert mail["organizer"] == "olga@company.example"
        assert mail["status"] == status
        assert mail["comment"] is None
        assert mail["proposed_time"] is None

    def test_takes_effect_after_a_while(self, alice, sandbox):
        sandbox.reset(cronofy_settle=0.15)
        alice.post(path("evt_external_standup"), data={"status": "accepted"})
        assert events(alice)["evt_external_standup"]["participation_status"] == "needs_action"
        assert sandbox.mail() == []
        time.sleep(0.3)
        assert events(alice)["evt_external_standup"]["participation_status"] == "accepted"
        assert len(sandbox.mail()) == 1

    def test_does_not_outlive_a_reset(self, alice, sandbox):
        sandbox.reset(cronofy_settle=0.05)
        alice.post(path("evt_external_standup"), data={"status": "accepted"})
        sandbox.reset()
        time.sleep(0.1)
        assert sandbox.mail() == []

    def test_shows_in_my_entry_and_in_no_other(self, alice):
        alice.post(path("evt_external_standup"), data={"status": "accepted"})
        attendees = events(alice)["evt_external_standup"]["attendees"]
        assert {each["email"]: each["status"] for each in attendees} == {
            "alice@company.example": "accepted",
            "nina@company.example": "needs_action",
            "kenji@company.example": "needs_action",
        }

    def test_answers_one_instance_of_a_series(self, alice):
        alice.post(path("evt_external_training-2"), data={"status": "declined"})
        shown = events(alice)
        assert shown["evt_external_training-2"]["participation_status"] == "declined"
        assert shown["evt_external_training-1"]["participation_status"] == "needs_action"
        assert shown["evt_external_training-1"]["recurring"] is True
        assert len({shown[f"evt_external_training-{n}"]["series_identifier"] for n in range(1, 6)}) == 1


class TestDeclining:
    def test_keeps_the_event_in_google(self, alice):
        alice.post(path("evt_external_standup"), data={"status": "declined"})
        assert events(alice)["evt_external_standup"]["deleted"] is False

    def test_deletes_the_event_in_exchange(self, alice):
        uid = "evt_external_exchange-sync"
        assert alice.post(path(uid, EXCHANGE), data={"status": "declined"}).status == 202
        assert uid not in events(alice)
        deleted = events(alice, include_deleted="true")[uid]
        assert deleted["deleted"] is True
        assert deleted["participation_status"] == "declined"
        assert alice.post(path(uid, EXCHANGE), data={"status": "accepted"}).status == 404


class TestRefusals:
    def test_uid_of_a_managed_event(self, alice):
        reply = alice.post(path("evt_partner_managed"), data={"status": "accepted"})
        assert error_key(reply, "event_uid") == "errors.must_be_external_event_uid"
        assert set(reply.json["errors"]["event_uid"][0]) == {"key", "description"}

    @pytest.mark.parametrize("status", ["needs_action", "Accepted", "yes", 1, None])
    def test_status_that_cannot_be_set(self, alice, sandbox, status):
        reply = alice.post(path("evt_external_standup"), data={"status": status})
        assert error_key(reply, "status")
        assert sandbox.mail() == []

    def test_no_status(self, alice):
        reply = alice.post(path("evt_external_standup"), data={})
        assert error_key(reply, "status") == "errors.required"

    def test_unknown_calendar_and_event(self, alice):
        assert alice.post(path("evt_external_standup", "cal_x"), data={"status": "accepted"}).status == 404
        assert alice.post(path("evt_external_none"), data={"status": "accepted"}).status == 404
        wrong_calendar = path("evt_external_standup", EXCHANGE)
        assert alice.post(wrong_calendar, data={"status": "accepted"}).status == 404

    def test_another_accounts_event(self, alice):
        assert alice.post(path("evt_external_nina_standup"), data={"status": "accepted"}).status == 404

    def test_read_only_calendar(self, alice):
        reply = alice.post(path("evt_external_readonly", READONLY), data={"status": "accepted"})
        assert error_key(reply, "calendar_id")

    @pytest.mark.parametrize("slug", ["locked", "own"])
    def test_event_that_does_not_permit_it(self, alice, slug):
        uid = f"evt_external_{slug}"
        assert events(alice)[uid]["options"]["change_participation_status"] is False
        assert error_key(alice.post(path(uid), data={"status": "accepted"}), "event_uid")

    def test_scope(self, cronofy):
        reading = cronofy.bearing(seed.alice().readonly_access_token)
        assert reading.post(path("evt_external_standup"), data={"status": "accepted"}).status == 403
        assert reading.get("/v1/calendars").status == 200

    def test_token(self, cronofy):
        for client in (cronofy, cronofy.bearing("nobody's")):
            reply = client.get("/v1/calendars")
            assert (reply.status, reply.text) == (401, "")


class TestReadingEvents:
    def test_needs_a_time_zone(self, alice):
        assert error_key(alice.get("/v1/events"), "tzid") == "errors.required"
        assert error_key(alice.get("/v1/events", query={"tzid": "Mars/Base"}), "tzid")

    def test_tolerates_an_object_as_body_and_python_booleans(self, alice):
        query = {"tzid": "Etc/UTC", "include_managed": "True", "include_deleted": "False"}
        reply = alice.send("GET", "/v1/events", query=query, data={})
        assert "evt_partner_managed" in [each["event_uid"] for each in reply.json["events"]]

    def test_fields(self, alice):
        event = events(alice)["evt_external_standup"]
        assert event["calendar_id"] == "cal_alice@google-work_01"
        assert event["participation_status"] == "needs_action"
        assert event["organizer"] == {"email": "olga@company.example", "display_name": "Olga Orlova"}
        assert event["status"] == "confirmed"
        assert event["options"]["change_participation_status"] is True
        assert event["start"].endswith("Z")
        assert len(event["start"]) == len("2014-09-06T08:00:00Z")

    def test_all_day_events_have_dates(self, alice):
        event = events(alice)["evt_external_offsite"]
        assert len(event["start"]) == len(event["end"]) == len("2014-09-06")

    def test_localized_times(self, alice):
        shown = events(alice, localized_times="true")
        start = shown["evt_external_interview"]["start"]
        assert start["tzid"] == "America/New_York"
        assert "T10:00:00-0" in start["time"]

    def test_cancelled(self, alice):
        assert events(alice)["evt_external_cancelled"]["status"] == "cancelled"

    def test_managed_events_only_on_request(self, alice):
        assert "evt_partner_managed" not in events(alice)
        assert "evt_partner_managed" in events(alice, include_managed="true")
        assert list(events(alice, only_managed="true")) == ["evt_partner_managed"]

    def test_calendars(self, alice):
        shown = events(
            alice, **{"calendar_ids[]": ["cal_alice@exchange-main_02", "cal_alice@readonly-team_03"]}
        )
        assert {each["calendar_id"] for each in shown.values()} == {
            "cal_alice@exchange-main_02",
            "cal_alice@readonly-team_03",
        }

    def test_google_ids(self, alice):
        shown = events(alice, google_event_ids="true")
        assert shown["evt_external_standup"]["google_event_id"]
        assert "google_event_id" not in shown["evt_external_exchange-sync"]
        assert "google_event_id" not in events(alice)["evt_external_standup"]

    def test_window(self, alice):
        start = events(alice)["evt_external_standup"]["start"]
        assert "evt_external_standup" not in events(alice, to=start)
        assert "evt_external_standup" in events(alice, **{"from": start})
        end = events(alice)["evt_external_standup"]["end"]
        assert "evt_external_standup" in events(alice, **{"from": end})

    def test_times_that_cannot_be_read(self, alice):
        for value in ("tomorrow", "2026-01-01T00:00:00.500Z"):
            assert error_key(alice.get("/v1/events", query={"tzid": "Etc/UTC", "from": value}), "from")
        past = alice.get("/v1/events", query={"tzid": "Etc/UTC", "from": "2020-01-01"})
        assert error_key(past, "from")

    def test_last_modified(self, alice):
        alice.post(path("evt_external_standup"), data={"status": "accepted"})
        updated = events(alice)["evt_external_standup"]["updated"]
        assert set(events(alice, last_modified=updated)) >= {"evt_external_standup"}
        assert "evt_external_planning" not in events(alice, last_modified=updated)

    def test_pages(self, alice, sandbox):
        everything = list(events(alice))
        sandbox.reset(cronofy_page_size=5)
        reply = alice.get("/v1/events", query={"tzid": "Etc/UTC"})
        seen = []
        while True:
            pages = reply.json["pages"]
            seen += [each["event_uid"] for each in reply.json["events"]]
            if "next_page" not in pages:
                break
            assert pages["next_page"].startswith(f"{sandbox.url}/cronofy/v1/events/pages/")
            reply = alice.get(pages["next_page"])
        assert seen == everything
        assert pages["current"] == pages["total"] == -(-len(everything) // 5)

    def test_pages_of_another_account(self, alice, cronofy, sandbox):
        sandbox.reset(cronofy_page_size=5)
        link = alice.get("/v1/events", query={"tzid": "Etc/UTC"}).json["pages"]["next_page"]
        other = cronofy.bearing(seed.accounts()[1].access_token)
        assert other.get(link).status == 404
        assert alice.get("/v1/events/pages/0000").status == 404

    def test_single_event_cannot_be_read(self, alice):
        assert alice.get("/v1/events/evt_external_standup").status == 404


class TestAccount:
    def test_calendars(self, alice):
        calendars = {each["calendar_id"]: each for each in alice.get("/v1/calendars").json["calendars"]}
        assert calendars["cal_alice@readonly-team_03"]["calendar_readonly"] is True
        assert calendars["cal_alice@google-work_01"]["calendar_primary"] is True
        assert calendars["cal_alice@exchange-main_02"]["provider_name"] == "exchange"

    def test_profiles(self, alice):
        profiles = alice.get("/v1/profiles").json["profiles"]
        assert {each["provider_name"] for each in profiles} == {"google", "exchange"}
        assert all(each["profile_connected"] for each in profiles)

    def test_userinfo_and_account(self, alice):
        info = alice.get("/v1/userinfo").json
        assert (info["sub"], info["email"]) == ("acc_alice", "alice@company.example")
        account = alice.get("/v1/account").json["account"]
        assert account["account_id"] == "acc_alice"
        assert "change_participation_status" in account["scope"]
        assert account["default_tzid"] == "Europe/Berlin"


class TestBatch:
    def test_does_not_hold_participation(self, alice, sandbox):
        entry = {
            "method": "POST",
            "relative_url": path("evt_external_standup"),
            "data": {"status": "accepted"},
        }
        reply = alice.post("/v1/batch", data={"batch": [entry, entry]})
        assert reply.status == 207
        assert [each["status"] for each in reply.json["batch"]] == [422, 422]
        assert sandbox.mail() == []

    def test_holds_fifty(self, alice):
        assert alice.post("/v1/batch", data={"batch": [{}] * 50}).status == 207
        assert alice.post("/v1/batch", data={"batch": [{}] * 51}).status == 422


CLIENT = {"client_id": seed.CLIENT_ID, "client_secret": seed.CLIENT_SECRET}
REFRESH = {**CLIENT, "grant_type": "refresh_token", "refresh_token": seed.alice().refresh_token}


class TestTokens:
    def test_refresh(self, cronofy):
        reply = cronofy.post("/oauth/token", data=REFRESH)
        assert reply.status == 200
        assert reply.json["token_type"] == "bearer"
        assert reply.json["expires_in"] == 3600
        assert reply.json["refresh_token"] == seed.alice().refresh_token
        assert reply.json["sub"] == reply.json["account_id"] == "acc_alice"
        assert cronofy.bearing(reply.json["access_token"]).get("/v1/calendars").status == 200

    def test_rotation_on_request(self, cronofy, sandbox):
        sandbox.reset(cronofy_rotates=True)
        fresh = cronofy.post("/oauth/token", data=REFRESH).json["refresh_token"]
        assert cronofy.post("/oauth/token", data=REFRESH).json == {"error": "invalid_grant"}
        assert cronofy.post("/oauth/token", data={**REFRESH, "refresh_token": fresh}).status == 200

    def test_errors(self, cronofy):
        wrong = cronofy.post("/oauth/token", data={**REFRESH, "client_secret": "x"})
        assert (wrong.status, wrong.json) == (400, {"error": "invalid_client"})
        unknown = cronofy.post("/oauth/token", data={**REFRESH, "refresh_token": "x"})
        assert (unknown.status, unknown.json) == (400, {"error": "invalid_grant"})
        code = {**CLIENT, "grant_type": "authorization_code", "code": "x"}
        assert cronofy.post("/oauth/token", data=code).json == {"error": "invalid_grant"}

    def test_expiry(self, cronofy, sandbox):
        issued = cronofy.bearing(cronofy.post("/oauth/token", data=REFRESH).json["access_token"])
        static = cronofy.bearing(seed.alice().access_token)
        sandbox.expire_tokens("cronofy")
        assert issued.get("/v1/calendars").status == 401
        assert static.get("/v1/calendars").status == 200

    def test_lifetime(self, cronofy, sandbox):
        sandbox.reset(token_lifetime=0)
        reply = cronofy.post("/oauth/token", data=REFRESH)
        assert reply.json["expires_in"] == 0
        assert cronofy.bearing(reply.json["access_token"]).get("/v1/calendars").status == 401

    def test_revocation(self, cronofy):
        token = cronofy.post("/oauth/token", data=REFRESH).json["access_token"]
        revoked = cronofy.post("/oauth/token/revoke", data={**CLIENT, "token": token})
        assert revoked.status == 200
        assert cronofy.bearing(token).get("/v1/calendars").status == 401
        assert cronofy.post("/oauth/token", data=REFRESH).json == {"error": "invalid_grant"}


class TestLimits:
    def test_fifty_in_a_second(self, alice):
        statuses = [alice.get("/v1/profiles").status for _ in range(60)]
        assert statuses[:50] == [200] * 50
        assert 429 in statuses

    def test_off(self, alice, sandbox):
        sandbox.reset(limits=False)
        assert {alice.get("/v1/profiles").status for _ in range(60)} == {200}
