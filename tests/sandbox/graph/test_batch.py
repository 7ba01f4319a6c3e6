"""Batches of the sandbox's Graph against what is known of the service."""

import pytest
from support.graph_requests import assert_error

from airflow_provider_rsvp.sandbox.graph import seed

pytestmark = pytest.mark.any_airflow


class TestBatch:
    def send(self, client, *requests):
        return client.post("/v1.0/$batch", data={"requests": list(requests)})

    def item(self, item_id, url, method="POST", **more):
        return {"id": item_id, "method": method, "url": url, **more}

    def responses(self, client, *requests):
        reply = self.send(client, *requests)
        assert reply.status == 200, reply.text
        return {each["id"]: each for each in reply.json["responses"]}

    def test_items(self, alice, event, sandbox):
        json_body = {"headers": {"Content-Type": "application/json"}, "body": {"comment": "c"}}
        answers = self.responses(
            alice,
            self.item("a", f"/me/events/{event('standup')}/accept", **json_body),
            self.item("b", f"me/events/{event('planning')}?$select=subject", "GET"),
            self.item("c", "/me/events/651", "GET"),
        )
        assert answers["a"]["status"] == 202
        assert answers["a"].get("body") is None
        assert answers["b"]["body"]["subject"] == "Sprint planning"
        assert answers["c"]["body"]["error"]["code"] == "ErrorInvalidIdMalformed"
        assert [mail["comment"] for mail in sandbox.mail()] == ["c"]

    def test_order_is_not_that_of_the_requests(self, alice):
        items = [self.item(str(n), "/me", "GET") for n in range(10)]
        reply = self.send(alice, *items)
        assert [each["id"] for each in reply.json["responses"]] != [str(n) for n in range(10)]

    def test_four_at_once_for_a_mailbox(self, alice, event, sandbox):
        items = [self.item(str(n), f"/me/events/{event('standup')}", "GET") for n in range(6)]
        statuses = sorted(each["status"] for each in self.responses(alice, *items).values())
        assert statuses == [200] * 4 + [429] * 2
        throttled = next(each for each in self.responses(alice, *items).values() if each["status"] == 429)
        assert throttled["headers"]["Retry-After"]
        assert throttled["body"]["error"]["code"] == "ApplicationThrottled"
        sandbox.reset(limits=False)
        assert {each["status"] for each in self.responses(alice, *items).values()} == {200}

    def test_four_at_once_each(self, app):
        items = [
            self.item(f"{user.short}{n}", f"/users/{user.upn}/calendar", "GET")
            for user in seed.ATTENDING
            for n in range(4)
        ]
        assert {each["status"] for each in self.responses(app, *items).values()} == {200}

    def test_chain(self, alice, event):
        items = [self.item("0", f"/me/events/{event('standup')}", "GET")]
        items += [{**items[0], "id": str(n), "dependsOn": [str(n - 1)]} for n in range(1, 20)]
        assert {each["status"] for each in self.responses(alice, *items).values()} == {200}

    def test_failed_dependency(self, alice, event):
        answers = self.responses(
            alice,
            self.item("1", "/me/events/651", "GET"),
            self.item("2", f"/me/events/{event('standup')}", "GET", dependsOn=["1"]),
            self.item("3", f"/me/events/{event('standup')}", "GET", dependsOn=["2"]),
        )
        assert [answers[key]["status"] for key in "123"] == [400, 424, 424]

    @pytest.mark.parametrize(
        "requests",
        [
            [],
            [{"id": str(n), "method": "GET", "url": "/me"} for n in range(21)],
            [{"id": "a", "method": "GET", "url": "/me"}, {"id": "A", "method": "GET", "url": "/me"}],
            [{"id": "1", "method": "GET", "url": "https://graph.microsoft.com/v1.0/me"}],
            [{"id": "1", "method": "POST", "url": "/$batch", "headers": {"Content-Type": "x"}, "body": {}}],
            [{"id": "1", "method": "POST", "url": "/me", "body": {}}],
            [{"id": "1", "method": "GET", "url": "/me", "dependsOn": ["2"]}],
            [
                {"id": "1", "method": "GET", "url": "/me"},
                {"id": "2", "method": "GET", "url": "/me"},
                {"id": "3", "method": "GET", "url": "/me", "dependsOn": ["1"]},
            ],
        ],
    )
    def test_400(self, alice, requests):
        assert_error(self.send(alice, *requests), 400, "BadRequest")

    def test_without_a_token(self, graph):
        assert self.send(graph, self.item("1", "/me", "GET")).status == 401
