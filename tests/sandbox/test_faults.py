"""The sandbox's misbehaviour on request."""

import http.client
import threading
import time

import pytest

from airflow_provider_rsvp.sandbox.bitrix24 import seed as bitrix24_seed
from airflow_provider_rsvp.sandbox.cronofy import seed as cronofy_seed
from airflow_provider_rsvp.sandbox.graph import seed as graph_seed

pytestmark = pytest.mark.any_airflow

EVENTS = "/v1/events?tzid=Etc/UTC"


@pytest.fixture
def alice(cronofy):
    return cronofy.bearing(cronofy_seed.alice().access_token)


@pytest.fixture
def outlook(graph):
    return graph.bearing(graph_seed.ALICE.access_token)


def answer(client, slug="standup"):
    path = f"/v1/calendars/cal_alice%40google-work_01/events/evt_external_{slug}/participation_status"
    return client.post(path, data={"status": "accepted"})


def status_of(client, slug="standup"):
    events = client.get(EVENTS).json["events"]
    uid = f"evt_external_{slug}"
    return next(each for each in events if each["event_uid"] == uid)["participation_status"]


class TestKinds:
    def test_status(self, alice, sandbox):
        rule = {"service": "cronofy", "operation": "send", "kind": "status", "status": 503}
        sandbox.faults([{**rule, "headers": {"Retry-After": "0.1"}}])
        reply = answer(alice)
        assert (reply.status, reply.text, reply.headers["Retry-After"]) == (503, "", "0.1")
        assert status_of(alice) == "needs_action"
        assert answer(alice).status == 202
        assert sandbox.faults()[0]["struck"] == 1

    def test_body(self, alice, sandbox):
        sandbox.faults([{"kind": "status", "status": 400, "body": {"error": "x"}}])
        assert answer(alice).json == {"error": "x"}

    def test_services_own_shapes(self, portal, outlook, graph, sandbox):
        sandbox.faults([{"kind": "status", "status": 503, "times": 2}])
        assert portal.get("/rest/profile").json["error"] == "QUERY_LIMIT_EXCEEDED"
        assert outlook.get("/v1.0/me").json["error"]["code"] == "serviceNotAvailable"
        sandbox.faults(
            [{"kind": "status", "status": 429}, {"kind": "status", "status": 500, "operation": "token"}]
        )
        assert outlook.get("/v1.0/me").json["error"]["code"] == "TooManyRequests"
        failed = graph.post(f"/{graph_seed.TENANT_ID}/oauth2/v2.0/token", form={})
        assert (failed.status, failed.json["error"]) == (500, "temporarily_unavailable")

    @pytest.mark.parametrize("when", ["before", "after"])
    def test_cut(self, alice, sandbox, when):
        sandbox.faults([{"operation": "send", "kind": "cut", "when": when}])
        with pytest.raises(http.client.RemoteDisconnected):
            answer(alice)
        assert status_of(alice) == ("accepted" if when == "after" else "needs_action")
        assert len(sandbox.mail()) == (1 if when == "after" else 0)

    def test_hang(self, alice, sandbox):
        sandbox.faults([{"operation": "send", "kind": "hang", "when": "after", "seconds": 0.1}])
        with pytest.raises(http.client.RemoteDisconnected):
            answer(alice)
        assert status_of(alice) == "accepted"

    def test_hang_ends_with_the_client(self, outlook, sandbox):
        sandbox.faults([{"kind": "hang", "seconds": 60, "times": 4}])
        for _ in range(4):
            with pytest.raises(TimeoutError):
                outlook.get("/v1.0/me/events", timeout=0.05)
        time.sleep(0.1)
        assert outlook.get("/v1.0/me/events").status == 200

    @pytest.mark.parametrize("when", ["before", "after"])
    def test_slow(self, alice, sandbox, when):
        sandbox.faults([{"operation": "send", "kind": "slow", "when": when, "seconds": 0.2}])
        thread = threading.Thread(target=answer, args=(alice,))
        thread.start()
        time.sleep(0.1)
        early = len(sandbox.mail())
        thread.join()
        assert early == (1 if when == "after" else 0)
        assert len(sandbox.mail()) == 1

    def test_malformed_empty_and_html(self, alice, sandbox):
        sandbox.faults([{"kind": "malformed"}, {"kind": "empty"}, {"kind": "html", "status": 502}])
        reply = alice.get(EVENTS)
        assert reply.status == 200
        with pytest.raises(ValueError, match="Expecting"):
            reply.json  # noqa: B018
        assert alice.get(EVENTS).text == ""
        reply = alice.get(EVENTS)
        assert (reply.status, reply.headers.get_content_type()) == (502, "text/html")

    def test_truncated(self, alice, sandbox):
        sandbox.faults([{"kind": "truncated", "when": "after"}])
        with pytest.raises(http.client.IncompleteRead):
            alice.get(EVENTS)

    def test_redirect(self, alice, sandbox):
        sandbox.faults([{"kind": "redirect", "location": "https://attacker.example/", "status": 307}])
        reply = alice.get(EVENTS)
        assert (reply.status, reply.headers["Location"]) == (307, "https://attacker.example/")

    def test_no_effect(self, alice, portal, outlook, sandbox):
        sandbox.faults([{"operation": "send", "kind": "no_effect", "times": 3}])
        assert answer(alice).status == 202
        path = f"/rest/1/{bitrix24_seed.ANNA.webhook_code}/calendar.meeting.status.set"
        assert portal.get(path, query={"eventId": 651, "status": "Y"}).json["result"] is True
        event_id = sandbox.event_id("graph", "standup")
        assert outlook.post(f"/v1.0/me/events/{event_id}/decline").status == 202
        assert outlook.get(f"/v1.0/me/events/{event_id}").status == 200
        assert sandbox.mail() == []

    def test_odd_event(self, alice, outlook, portal, sandbox):
        rows = f"/rest/1/{bitrix24_seed.ANNA.webhook_code}/calendar.event.get"
        for service, read in {
            "cronofy": lambda: alice.get(EVENTS).json["events"],
            "graph": lambda: outlook.get("/v1.0/me/events").json["value"],
            "bitrix24": lambda: portal.get(rows, query={"type": "user", "ownerId": 1}).json["result"],
        }.items():
            good = read()
            sandbox.faults([{"service": service, "operation": "list", "kind": "odd_event", "body": [7]}])
            odd = read()
            assert [each for each in odd if each not in good] == [[7]]
            assert [each for each in odd if each != [7]] == good
            assert read() == good


class TestWhomTheyBefall:
    def test_operation(self, alice, sandbox):
        sandbox.faults([{"operation": "observe", "kind": "status", "status": 500}])
        assert answer(alice).status == 202
        assert alice.get(EVENTS).status == 500
        sandbox.faults([{"operation": "list", "kind": "status", "status": 500}])
        assert alice.get(EVENTS).status == 500

    def test_mailbox_and_event(self, outlook, graph, sandbox):
        bob = graph.bearing(graph_seed.BOB.access_token)
        sandbox.faults([{"mailbox": "Alice@contoso.example", "kind": "status", "times": None}])
        assert outlook.get("/v1.0/me/events").status == 503
        assert bob.get("/v1.0/me/events").status == 200
        standup, planning = (sandbox.event_id("graph", slug) for slug in ("standup", "planning"))
        sandbox.faults([{"event_id": standup, "kind": "status", "times": None}])
        assert outlook.get(f"/v1.0/me/events/{standup}").status == 503
        assert outlook.get(f"/v1.0/me/events/{planning}").status == 200

    def test_bitrix24_event(self, portal, sandbox):
        sandbox.faults([{"service": "bitrix24", "event_id": 651, "mailbox": 1, "kind": "status"}])
        path = f"/rest/1/{bitrix24_seed.ANNA.webhook_code}/calendar.meeting.status.get"
        assert portal.post(path, data={"eventId": 661}).status == 200
        assert portal.post(path, data={"eventId": 651}).status == 503

    def test_skip_and_times(self, alice, sandbox):
        sandbox.faults([{"kind": "status", "status": 500, "skip": 2, "times": 2}])
        assert [alice.get(EVENTS).status for _ in range(6)] == [200, 200, 500, 500, 200, 200]

    def test_probability(self, alice, sandbox):
        rule = {"kind": "status", "status": 500, "probability": 0.5, "seed": 7, "times": None}
        runs = []
        for _ in range(2):
            sandbox.faults([rule])
            runs.append([alice.get(EVENTS).status for _ in range(12)])
        assert runs[0] == runs[1]
        assert set(runs[0]) == {200, 500}

    def test_items_of_a_graph_batch(self, outlook, sandbox):
        standup, planning = (sandbox.event_id("graph", slug) for slug in ("standup", "planning"))
        items = [
            {"id": slug, "method": "POST", "url": f"/me/events/{event_id}/accept"}
            for slug, event_id in (("standup", standup), ("planning", planning))
        ]
        rule = {"operation": "send", "event_id": standup, "kind": "status", "status": 504, "when": "after"}
        sandbox.faults([rule])
        reply = outlook.post("/v1.0/$batch", data={"requests": items})
        assert {each["id"]: each["status"] for each in reply.json["responses"]} == {
            "standup": 504,
            "planning": 202,
        }
        assert len(sandbox.mail()) == 2
        sandbox.faults([{"operation": "batch", "kind": "status", "status": 429}])
        assert outlook.post("/v1.0/$batch", data={"requests": items}).status == 429

    def test_items_of_a_bitrix24_batch(self, portal, sandbox):
        sandbox.faults(
            [
                {"operation": "send", "kind": "status", "status": 429},
                {"operation": "send", "kind": "no_effect"},
            ]
        )
        command = "calendar.meeting.status.set?eventId=651&status=Y"
        path = f"/rest/1/{bitrix24_seed.ANNA.webhook_code}/batch"
        result = portal.post(path, data={"cmd": {"a": command, "b": command, "c": command}}).json["result"]
        assert result["result_error"]["a"]["error"] == "OPERATION_TIME_LIMIT"
        assert result["result"] == {"b": True, "c": True}
        assert len(sandbox.mail()) == 1


class TestLatencyAndLimits:
    def test_latency(self, alice, sandbox):
        sandbox.reset(latency=0.15)
        start = time.monotonic()
        alice.get(EVENTS)
        assert time.monotonic() - start >= 0.15

    def test_graph_serves_four_at_once_for_app_and_mailbox(self, outlook, graph, sandbox):
        bob = graph.bearing(graph_seed.BOB.access_token)
        sandbox.reset(latency=0.3)
        replies = []

        def ask(client):
            replies.append(client.get("/v1.0/me/calendar"))

        threads = [threading.Thread(target=ask, args=(each,)) for each in [outlook] * 6 + [bob] * 4]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        refused = [reply for reply in replies if reply.status != 200]
        assert len(refused) == 2
        assert {reply.status for reply in refused} == {429}
        assert refused[0].json["error"]["code"] == "ApplicationThrottled"
        assert float(refused[0].headers["Retry-After"]) > 0
        assert outlook.get("/v1.0/me/calendar").status == 200


class TestInput:
    @pytest.mark.parametrize(
        ("rules", "named"),
        [
            ({}, "faults"),
            ([1], "faults[0]"),
            ([{}], "faults[0].kind"),
            ([{"kind": "explode"}], "faults[0].kind"),
            ([{"kind": "cut"}, {"kind": "cut", "service": "exchange"}], "faults[1].service"),
            ([{"kind": "cut", "operation": "reply"}], "faults[0].operation"),
            ([{"kind": "cut", "when": "now"}], "faults[0].when"),
            ([{"kind": "cut", "times": 0}], "faults[0].times"),
            ([{"kind": "cut", "probability": 2}], "faults[0].probability"),
            ([{"kind": "status", "status": 99}], "faults[0].status"),
            ([{"kind": "slow", "seconds": "5"}], "faults[0].seconds"),
            ([{"kind": "cut", "colour": 1}], "faults[0].colour"),
            ([{"kind": "cut", "headers": []}, {"kind": "cut", "headers": [1]}], "faults[1].headers"),
        ],
    )
    def test_that_is_wrong_is_named(self, control, rules, named):
        reply = control.post("/faults", data=rules)
        assert reply.status == 400
        assert reply.json["error"].startswith(f"{named}: ")

    def test_empty_list_clears(self, alice, control):
        control.post("/faults", data=[{"kind": "cut", "times": None}])
        assert control.post("/faults", data=[]).json == []
        assert alice.get(EVENTS).status == 200
