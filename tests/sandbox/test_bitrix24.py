"""The sandbox's Bitrix24 against what is known of the service."""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest

from airflow_provider_rsvp.sandbox.bitrix24 import seed

pytestmark = pytest.mark.any_airflow

SET, GET = "calendar.meeting.status.set", "calendar.meeting.status.get"


class Portal:
    """One user's webhook."""

    def __init__(self, client, user=seed.ANNA):
        self.client = client
        self.base = f"/rest/{user.id}/{user.webhook_code}"

    def __call__(self, method, **params):
        return self.client.post(f"{self.base}/{method}", data=params)

    def result(self, method, **params):
        reply = self(method, **params)
        assert reply.status == 200, reply.text
        return reply.json["result"]

    def status(self, event_id):
        return self.result(GET, eventId=event_id)

    def rows(self, owner="1", **params):
        return self.result("calendar.event.get", type="user", ownerId=owner, **params)


@pytest.fixture
def anna(portal):
    return Portal(portal)


@pytest.fixture
def boris(portal):
    return Portal(portal, seed.BORIS)


class TestSettingParticipation:
    @pytest.mark.parametrize(("letter", "status"), [("Y", "accepted"), ("N", "declined")])
    def test_answers_and_notifies_the_organizer(self, anna, sandbox, letter, status):
        reply = anna(SET, eventId=651, status=letter)
        assert reply.json["result"] is True
        assert anna.status(651) == letter
        (mail,) = sandbox.mail()
        assert mail["event_id"] == "651"
        assert mail["mailbox"] == "1"
        assert mail["attendee"] == "anna@portal.example"
        assert mail["organizer"] == "olga@portal.example"
        assert mail["status"] == status

    def test_lower_case(self, anna):
        anna(SET, eventId="651", status="y")
        assert anna.status(651) == "Y"

    def test_question_withdraws_and_says_declined(self, anna, sandbox):
        anna(SET, eventId=651, status="Y")
        anna(SET, eventId=651, status="Q")
        assert anna.status(651) == "Q"
        assert [mail["status"] for mail in sandbox.mail()] == ["accepted", "declined"]

    def test_every_call_notifies_again(self, anna, sandbox):
        for _ in range(3):
            anna(SET, eventId=651, status="Y")
        assert len(sandbox.mail()) == 3

    def test_any_id_of_the_family(self, anna, boris):
        anna(SET, eventId=650, status="Y")
        assert anna.status(652) == "Y"
        assert boris.status(651) == "Q"

    @pytest.mark.parametrize("slug", ["nothing", "cancelled", "focus", "ny-sync"])
    def test_true_for_nothing_done(self, anna, sandbox, slug):
        event_id = 999 if slug == "nothing" else int(sandbox.event_id("bitrix24", slug))
        assert anna.result(SET, eventId=event_id, status="Y") is True
        assert sandbox.mail() == []

    def test_organizer_reads_h_whatever_is_set(self, anna, sandbox):
        own = sandbox.event_id("bitrix24", "own", "1")
        assert anna.result(SET, eventId=own, status="N") is True
        assert anna.status(own) == "H"
        assert sandbox.mail() == []

    def test_open_meeting_takes_a_stranger_who_accepts(self, anna, sandbox):
        event_id = sandbox.event_id("bitrix24", "open", "2")
        assert anna.status(event_id) is None
        anna(SET, eventId=event_id, status="N")
        assert anna.status(event_id) is None
        anna(SET, eventId=event_id, status="Y")
        assert anna.status(event_id) == "Y"
        assert [mail["status"] for mail in sandbox.mail()] == ["accepted"]

    def test_without_notify_nobody_is_told(self, anna, sandbox):
        event_id = sandbox.event_id("bitrix24", "quiet")
        anna(SET, eventId=event_id, status="Y")
        assert anna.status(event_id) == "Y"
        assert sandbox.mail() == []

    def test_accepting_a_series_goes_to_split_off_events(self, anna, sandbox):
        series = sandbox.event_id("bitrix24", "training", "1")
        split = sandbox.event_id("bitrix24", "training-split", "1")
        anna(SET, eventId=series, status="N")
        assert anna.status(split) == "Q"
        anna(SET, eventId=series, status="Y")
        assert anna.status(split) == "Y"
        assert len(sandbox.mail()) == 2


class TestMethodErrors:
    @pytest.mark.parametrize(
        "params",
        [
            {},
            {"eventId": 651},
            {"status": "Y"},
            {"eventId": 0, "status": "Y"},
            {"eventId": "0", "status": "Y"},
            {"eventId": 651, "status": ""},
            {"eventId": 651, "status": "M"},
            {"eventId": 651, "status": "T"},
        ],
    )
    def test_have_an_empty_code(self, anna, params):
        reply = anna(SET, **params)
        assert reply.status == 400
        assert reply.json["error"] == ""
        assert reply.json["error_description"]

    @pytest.mark.parametrize("slug", ["nothing", "cancelled", "focus"])
    def test_status_of_what_is_no_meeting(self, anna, sandbox, slug):
        event_id = 999 if slug == "nothing" else sandbox.event_id("bitrix24", slug)
        reply = anna(GET, eventId=event_id)
        assert (reply.status, reply.json["error"]) == (400, "")

    def test_status_where_not_invited(self, anna, sandbox):
        assert anna.status(sandbox.event_id("bitrix24", "ny-sync")) is None


class TestCalling:
    def test_ways_to_send_parameters(self, portal, anna):
        base = anna.base
        for reply in (
            portal.get(f"{base}/{GET}", query={"eventId": 651}),
            portal.get(f"{base}/{GET}.json?eventId=651&"),
            portal.get(f"{base}/{GET}/", query={"eventId": 651, "start": 0, "order": "ID"}),
            portal.post(f"{base}/{GET}", form={"eventId": 651}),
            portal.post(f"{base}/{GET}", data={"eventId": 651}),
            portal.post(f"{base}/{GET.upper()}", data={"eventId": "651"}),
        ):
            assert reply.status == 200, reply.text
            assert reply.json["result"] == "Q"

    def test_ways_to_send_a_token(self, portal):
        token = seed.ANNA.access_token
        for reply in (
            portal.get(f"/rest/{GET}", query={"eventId": 651, "auth": token}),
            portal.get(f"/rest/{GET}.json", query={"eventId": 651, "access_token": token}),
            portal.post(f"/rest/{GET}", data={"eventId": 651, "auth": token}),
            portal.post(f"/rest/{GET}", form={"eventId": 651, "auth": token}),
            portal.bearing(token).post(f"/rest/{GET}", data={"eventId": 651}),
        ):
            assert reply.json["result"] == "Q"

    def test_time_block(self, anna):
        block = anna(SET, eventId=651, status="Y").json["time"]
        assert {"start", "finish", "duration", "processing", "date_start", "date_finish"} <= set(block)

    def test_unknown_method(self, anna):
        reply = anna("calendar.meeting.status.reset")
        assert (reply.status, reply.json["error"]) == (404, "ERROR_METHOD_NOT_FOUND")

    def test_wrong_webhook(self, portal):
        reply = portal.get(f"/rest/1/wrong/{GET}", query={"eventId": 651})
        assert (reply.status, reply.json["error"]) == (401, "NO_AUTH_FOUND")

    def test_wrong_token(self, portal):
        for client in (portal, portal.bearing("x")):
            reply = client.get(f"/rest/{GET}", query={"eventId": 651})
            assert (reply.status, reply.json["error"]) == (401, "NO_AUTH_FOUND")

    def test_scope(self, portal):
        reply = portal.get(f"/rest/1/{seed.ANNA.scopeless_webhook_code}/{GET}", query={"eventId": 651})
        assert (reply.status, reply.json["error"]) == (403, "insufficient_scope")


class TestListing:
    def test_row(self, anna):
        row = next(row for row in anna.rows() if row["ID"] == "651")
        assert row["PARENT_ID"] == "650"
        assert row["OWNER_ID"] == "1"
        assert row["IS_MEETING"] is True
        assert row["MEETING_STATUS"] == "Q"
        assert row["MEETING_HOST"] == "4"
        assert row["TZ_FROM"] == "Europe/Berlin"
        assert row["DATE_FROM"].endswith(" 09:00:00 am")
        assert row["DATE_FROM_FORMATTED"].endswith(" 09:00:00")
        start = datetime.fromtimestamp(int(row["DATE_FROM_TS_UTC"]), UTC)
        assert start + timedelta(seconds=int(row["TZ_OFFSET_FROM"])) == datetime.strptime(
            row["DATE_FROM"], "%m/%d/%Y %I:%M:%S %p"
        ).replace(tzinfo=UTC)
        assert {"id": 1, "entryId": "651", "status": "Q"} in row["ATTENDEE_LIST"]

    def test_series_is_expanded_with_one_id(self, anna, sandbox):
        series = sandbox.event_id("bitrix24", "training", "1")
        rows = [row for row in anna.rows() if row["ID"] == series]
        assert [row["RINDEX"] for row in rows] == [0, 1, 2, 3, 4]
        assert len({row["DATE_FROM"] for row in rows}) == 5
        assert len({row["DATE_FROM_TS_UTC"] for row in rows}) == 1
        assert rows[0]["RRULE"]["FREQ"] == "DAILY"
        first, last = rows[0], rows[-1]
        until = datetime.strptime(last["DATE_FROM_FORMATTED"][:15], "%a %b %d %Y").replace(tzinfo=UTC)
        assert int(first["DATE_TO_TS_UTC"]) == int((until + timedelta(days=1)).timestamp())

    def test_all_day(self, anna, sandbox):
        row = next(row for row in anna.rows() if row["ID"] == sandbox.event_id("bitrix24", "offsite"))
        assert row["DT_SKIP_TIME"] == "Y"
        assert row["TZ_FROM"] == ""
        assert len(row["DATE_FROM"]) == len("12/11/2024")
        assert row["DT_LENGTH"] == 2 * 86400

    def test_window_is_coarse(self, anna):
        row = next(row for row in anna.rows() if row["ID"] == "651")
        day = datetime.fromtimestamp(int(row["DATE_FROM_TS_UTC"]), UTC).date()
        for given in ({"from": f"{day}", "to": f"{day}"}, {"from": f"{day}T00:00:00", "to": f"{day}"}):
            assert "651" in [each["ID"] for each in anna.rows(**given)]
        before = day - timedelta(days=1)
        assert "651" not in [each["ID"] for each in anna.rows(**{"from": f"{before}", "to": f"{before}"})]

    def test_empty_is_a_list(self, anna):
        assert anna.rows(**{"from": "2001-01-01", "to": "2001-01-02"}) == []
        assert anna.result("calendar.event.get", type="company_calendar", ownerId=0) == []

    def test_unreadable_date(self, anna):
        reply = anna("calendar.event.get", type="user", ownerId=1, **{"from": "once"})
        assert (reply.status, reply.json["error"]) == (400, "")

    def test_type_is_required(self, anna):
        reply = anna("calendar.event.get", ownerId=1)
        assert (reply.status, reply.json["error"]) == (400, "")

    def test_sections(self, anna):
        sections = {each["ID"]: each for each in anna.result("calendar.section.get", type="user", ownerId=1)}
        assert set(sections) == {"11", "12"}
        assert sections["12"]["PERM"]["edit"] is False
        assert {row["SECT_ID"] for row in anna.rows(section=[12])} == {"12"}
        form = {"type": "user", "ownerId": 1, "section[]": 12}
        rows = anna.client.post(f"{anna.base}/calendar.event.get", form=form).json["result"]
        assert {row["SECT_ID"] for row in rows} == {"12"}

    def test_declined_stay_and_cancelled_go(self, anna, sandbox):
        ids = {row["ID"]: row["MEETING_STATUS"] for row in anna.rows()}
        assert ids[sandbox.event_id("bitrix24", "declined")] == "N"
        assert sandbox.event_id("bitrix24", "cancelled") not in ids

    def test_nearest_leaves_declined_out(self, anna, sandbox):
        rows = anna.result("calendar.event.get.nearest", type="user", ownerId=1)
        ids = [row["ID"] for row in rows]
        assert "651" in ids
        assert sandbox.event_id("bitrix24", "declined") not in ids
        assert len(anna.result("calendar.event.get.nearest", maxEventsCount=2)) == 2

    def test_private_events_of_others_are_hidden(self, boris, anna, sandbox):
        private = sandbox.event_id("bitrix24", "private")
        assert private in [row["ID"] for row in anna.rows()]
        assert private not in [row["ID"] for row in boris.rows("1")]
        assert boris.result("calendar.event.getbyid", id=private) is None

    def test_external_users_may_not_look(self, portal):
        reply = Portal(portal, seed.EVA)("calendar.event.get", type="user", ownerId=1)
        assert (reply.status, reply.json["error"]) == (400, "")

    def test_by_id(self, anna):
        assert anna.result("calendar.event.getById", id=651)["ID"] == "651"
        assert anna.result("calendar.event.getbyid", id=650)["MEETING_STATUS"] == "H"
        assert anna.result("calendar.event.getbyid", id=999) is None


class TestUsers:
    def test_profile(self, anna):
        assert anna.result("profile")["ID"] == "1"
        assert anna.result("user.current")["EMAIL"] == "anna@portal.example"
        assert [user["ID"] for user in anna.result("user.get", ID=2)] == ["2"]
        assert len(anna.result("user.get")) > 3

    def test_portal(self, anna, portal):
        assert anna.result("scope") == ["calendar", "user"]
        assert SET in anna.result("methods")
        assert datetime.fromisoformat(anna.result("server.time"))
        assert anna("app.info").status == 403
        info = portal.bearing(seed.ANNA.access_token).get("/rest/app.info")
        assert info.json["result"]["INSTALLED"] is True


class TestBatch:
    def test_results_and_errors_by_key(self, anna, sandbox):
        cmd = {
            "s1": f"{SET}?eventId=651&status=Y",
            "g1": f"{GET}?eventId=651",
            "bad": f"{GET}?eventId=999",
        }
        reply = anna("batch", halt=0, cmd=cmd)
        result = reply.json["result"]
        assert result["result"] == {"s1": True, "g1": "Y"}
        assert result["result_error"]["bad"]["error"] == ""
        assert set(result["result_time"]) == {"s1", "g1"}
        assert "time" in reply.json
        assert len(sandbox.mail()) == 1

    def test_empties_and_running_numbers_are_lists(self, anna):
        result = anna.result("batch", cmd=[f"{GET}?eventId=651"])
        assert result["result"] == ["Q"]
        assert result["result_error"] == []
        result = anna.result("batch", cmd={})
        assert result["result"] == []

    def test_form(self, anna):
        form = {"halt": 0, "cmd[a]": f"{GET}?eventId=651", "cmd[b]": f"{GET}?eventId=661"}
        reply = anna.client.post(f"{anna.base}/batch", form=form)
        assert reply.json["result"]["result"] == {"a": "Q", "b": "Q"}
        query = f"cmd[a]={quote(f'{GET}?eventId=651')}"
        assert anna.client.get(f"{anna.base}/batch?{query}").json["result"]["result"] == {"a": "Q"}

    def test_halt(self, anna):
        cmd = {"bad": f"{GET}?eventId=999", "good": f"{GET}?eventId=651"}
        assert anna.result("batch", halt=1, cmd=cmd)["result"] == []
        assert anna.result("batch", halt=False, cmd=cmd)["result"] == {"good": "Q"}

    def test_references(self, anna):
        cmd = {
            "event": "calendar.event.getbyid?id=651",
            "parent": "calendar.event.getbyid?id=$result[event][PARENT_ID]",
        }
        assert anna.result("batch", cmd=cmd)["result"]["parent"]["ID"] == "650"

    def test_length(self, anna):
        cmd = {f"g{index}": f"{GET}?eventId=651" for index in range(52)}
        result = anna.result("batch", cmd=cmd)
        assert len(result["result"]) == 50
        assert {each["error"] for each in result["result_error"].values()} == {"ERROR_BATCH_LENGTH_EXCEEDED"}

    def test_nested(self, anna):
        result = anna.result("batch", cmd={"b": "batch?cmd[a]=profile"})
        assert result["result_error"]["b"]["error"] == "ERROR_BATCH_METHOD_NOT_ALLOWED"

    def test_scope(self, portal):
        path = f"/rest/1/{seed.ANNA.scopeless_webhook_code}/batch"
        result = portal.post(path, data={"cmd": {"g": f"{GET}?eventId=651", "p": "profile"}}).json["result"]
        assert result["result_error"]["g"]["error"] == "insufficient_scope"
        assert result["result"]["p"]["ID"] == "1"


REFRESH = {
    "grant_type": "refresh_token",
    "client_id": seed.CLIENT_ID,
    "client_secret": seed.CLIENT_SECRET,
    "refresh_token": seed.ANNA.refresh_token,
}


class TestTokens:
    @pytest.mark.parametrize("way", ["get", "post"])
    def test_refresh_rotates(self, portal, sandbox, way):
        given = {"query" if way == "get" else "form": REFRESH}
        reply = portal.send(way.upper(), "/oauth/token/", **given)
        assert reply.status == 200
        pair = reply.json
        assert pair["client_endpoint"] == f"{sandbox.url}/bitrix24/rest/"
        assert pair["expires_in"] == 3600
        assert pair["user_id"] == 1
        assert "calendar" in pair["scope"]
        assert pair["refresh_token"] != REFRESH["refresh_token"]
        assert portal.bearing(pair["access_token"]).get("/rest/profile").status == 200
        again = portal.get("/oauth/token/", query=REFRESH)
        assert (again.status, again.json["error"]) == (400, "invalid_grant")
        fresh = {**REFRESH, "refresh_token": pair["refresh_token"]}
        assert portal.get("/oauth/token/", query=fresh).status == 200

    def test_expired_token(self, portal, sandbox):
        token = portal.get("/oauth/token/", query=REFRESH).json["access_token"]
        sandbox.expire_tokens("bitrix24")
        reply = portal.bearing(token).get("/rest/profile")
        assert (reply.status, reply.json["error"]) == (401, "expired_token")

    @pytest.mark.parametrize(
        ("change", "status", "code"),
        [
            ({"client_id": "x"}, 200, "wrong_client"),
            ({"client_secret": "x"}, 400, "invalid_client"),
            ({"refresh_token": "x"}, 400, "invalid_grant"),
            ({"grant_type": "x"}, 400, "invalid_request"),
        ],
    )
    def test_errors(self, portal, change, status, code):
        reply = portal.get("/oauth/token/", query={**REFRESH, **change})
        assert (reply.status, reply.json["error"]) == (status, code)
        assert "error_description" in reply.json


class TestLimits:
    def test_bucket(self, anna):
        replies = [anna("profile") for _ in range(55)]
        assert [reply.status for reply in replies[:50]] == [200] * 50
        refused = replies[-1]
        assert (refused.status, refused.json["error"]) == (503, "QUERY_LIMIT_EXCEEDED")
