"""The sandbox's Google Calendar: tokens and connections."""

import json
import time

import jwt
import pytest
from support.google_requests import (
    ALICE,
    CAROL,
    PRIMARY,
    assert_error,
    items,
)

from airflow_provider_rsvp.sandbox.google import keys, seed

pytestmark = pytest.mark.any_airflow
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class TestTokens:
    def refresh(self, google, **changes):
        form = {
            "grant_type": "refresh_token",
            "client_id": seed.CLIENT_ID,
            "client_secret": seed.CLIENT_SECRET,
            "refresh_token": seed.ALICE.refresh_token,
        }
        return google.post("/token", form={**form, **changes})

    def delegate(self, google, sandbox, key=None, **changes):
        now = int(time.time())
        claims = {
            "iss": seed.SERVICE_ACCOUNT,
            "sub": CAROL,
            "scope": f"{seed.SCOPES_AT}calendar.events",
            "aud": f"{sandbox.url}/google/token",
            "iat": now,
            "exp": now + 600,
        } | changes
        key = key or keys.key_file(seed.SERVICE_ACCOUNT, "")["private_key"]
        claims = {name: value for name, value in claims.items() if value is not None}
        assertion = jwt.encode(claims, key, algorithm="RS256")
        return google.post("/token", form={"grant_type": JWT_BEARER, "assertion": assertion})

    def test_a_refresh_token_stays(self, google):
        for _ in range(2):
            granted = self.refresh(google).json
            assert "refresh_token" not in granted
            assert granted["scope"] == f"{seed.SCOPES_AT}calendar.events"
            assert items(google.bearing(granted["access_token"]))

    @pytest.mark.parametrize(
        ("changes", "status", "error"),
        [
            ({"refresh_token": "x"}, 400, "invalid_grant"),
            ({"client_id": "x"}, 401, "invalid_client"),
            ({"client_secret": "x"}, 401, "invalid_client"),
            ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ],
    )
    def test_refusals(self, google, changes, status, error):
        reply = self.refresh(google, **changes)
        assert (reply.status, reply.json["error"]) == (status, error)

    def test_a_service_account_acts_for_a_user(self, google, sandbox, event):
        granted = self.delegate(google, sandbox).json
        assert granted["expires_in"] == 3599
        carol = google.bearing(granted["access_token"])
        assert event("standup", CAROL) in items(carol)

    @pytest.mark.parametrize(
        ("changes", "status", "error", "said"),
        [
            ({"sub": "nobody@workspace.example"}, 400, "invalid_grant", "Invalid email or User ID"),
            ({"iss": "x@y.example"}, 400, "invalid_grant", "account not found"),
            ({"iss": seed.UNDELEGATED}, 401, "unauthorized_client", "Client is unauthorized"),
            ({"scope": f"{seed.SCOPES_AT}drive"}, 401, "unauthorized_client", "any of the scopes"),
            ({"scope": ""}, 400, "invalid_scope", "Empty or missing scope"),
            ({"aud": "https://elsewhere.example"}, 400, "invalid_grant", "Invalid JWT"),
            ({"exp": int(time.time()) - 5}, 400, "invalid_grant", "Invalid JWT"),
            ({"exp": int(time.time()) + 7200}, 400, "invalid_grant", "short-lived"),
            ({"iat": None}, 400, "invalid_grant", "Invalid JWT"),
        ],
    )
    def test_refused_assertions(self, google, sandbox, changes, status, error, said):
        reply = self.delegate(google, sandbox, **changes)
        assert (reply.status, reply.json["error"]) == (status, error)
        assert said in reply.json["error_description"]

    def test_a_foreign_key(self, google, sandbox):
        from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

        reply = self.delegate(google, sandbox, key=generate_private_key(65537, 2048))
        assert reply.json["error_description"] == "Invalid JWT Signature."

    def test_without_a_user_it_has_no_calendar(self, google, sandbox):
        granted = self.delegate(google, sandbox, sub=None).json
        assert google.bearing(granted["access_token"]).get(PRIMARY).status == 404

    def test_expire(self, google, sandbox):
        client = google.bearing(self.refresh(google).json["access_token"])
        assert client.get(PRIMARY).status == 200
        sandbox.expire_tokens("google")
        assert_error(client.get(PRIMARY), 401, "authError")
        sandbox.revoke_tokens("google")
        assert self.refresh(google).json["error"] == "invalid_grant"

    def test_are_not_in_the_log(self, google, sandbox):
        self.delegate(google, sandbox)
        self.refresh(google)
        logged = json.dumps(sandbox.requests())
        assert "eyJ" not in logged
        assert seed.CLIENT_SECRET not in logged
        assert seed.ALICE.refresh_token not in logged


def test_connections(sandbox):
    offered = sandbox.connections()
    key = json.loads(offered["google_calendar_default"]["extra"]["service_account_key"])
    assert key["client_email"] == seed.SERVICE_ACCOUNT
    assert key["token_uri"] == f"{sandbox.url}/google/token"
    assert offered["google_calendar_default"]["extra"]["mailbox"] == ALICE
    assert offered["google_calendar_user"]["login"] == seed.CLIENT_ID
    assert set(offered["google_calendar_user"]["extra"]) == {"login_host", "refresh_token"}
    assert set(offered["google_calendar_static"]["extra"]) == {"access_token"}
