"""The login of the sandbox's Graph against what is known of the service."""

import json
from base64 import urlsafe_b64decode
from datetime import UTC, datetime, timedelta

import pytest
from support.graph_requests import token

from airflow_provider_rsvp.sandbox.graph import seed

pytestmark = pytest.mark.any_airflow


class TestLogin:
    def test_client_credentials(self, graph):
        reply = token(graph)
        assert reply.status == 200
        assert reply.json["token_type"] == "Bearer"
        assert reply.json["expires_in"] == 3599
        assert "refresh_token" not in reply.json
        _, claims, _ = reply.json["access_token"].split(".")
        claims = json.loads(urlsafe_b64decode(claims + "=="))
        assert "Calendars.ReadWrite" in claims["roles"]
        assert claims["appid"] == seed.CLIENT_ID

    def test_static_token_tells_the_user(self):
        claims = json.loads(urlsafe_b64decode(seed.ALICE.access_token.split(".")[1] + "=="))
        assert claims["upn"] == "alice@contoso.example"
        assert "Calendars.ReadWrite" in claims["scp"].split()

    def test_refresh_token(self, graph):
        changes = {
            "grant_type": "refresh_token",
            "scope": "https://graph.microsoft.com/.default offline_access",
        }
        first = token(graph, refresh_token=seed.ALICE.refresh_token, **changes)
        assert first.status == 200
        fresh = first.json["refresh_token"]
        assert fresh != seed.ALICE.refresh_token
        assert token(graph, refresh_token=seed.ALICE.refresh_token, **changes).status == 200
        assert token(graph, refresh_token=fresh, client_secret=None, **changes).status == 200
        assert graph.bearing(first.json["access_token"]).get("/v1.0/me").json["displayName"] == "Alice Adams"

    def test_discovery(self, graph, sandbox):
        reply = graph.get(f"/{seed.TENANT_ID}/v2.0/.well-known/openid-configuration")
        root = f"{sandbox.url}/graph/{seed.TENANT_ID}"
        assert reply.json["token_endpoint"] == f"{root}/oauth2/v2.0/token"

    @pytest.mark.parametrize(
        ("changes", "status", "error", "number"),
        [
            ({"tenant": "nowhere"}, 400, "invalid_request", 90002),
            ({"client_id": "x"}, 400, "unauthorized_client", 700016),
            ({"client_secret": "x"}, 401, "invalid_client", 7000215),
            ({"client_secret": seed.EXPIRED_SECRET}, 401, "invalid_client", 7000222),
            ({"client_secret": None}, 401, "invalid_client", 7000216),
            ({"scope": "Calendars.ReadWrite"}, 400, "invalid_scope", 70011),
            ({"grant_type": "refresh_token", "refresh_token": "x"}, 400, "invalid_grant", 700082),
            ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
        ],
    )
    def test_errors(self, graph, changes, status, error, number):
        reply = token(graph, **changes)
        assert (reply.status, reply.json["error"]) == (status, error)
        assert reply.json["error_codes"] == [number]
        assert reply.json["error_description"].startswith(f"AADSTS{number}: ")
        for part in ("Trace ID", "Correlation ID", "Timestamp"):
            assert part in reply.json["error_description"]
        assert {"timestamp", "trace_id", "correlation_id"} <= set(reply.json)


@pytest.fixture(scope="module")
def pair():
    rsa = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.rsa")
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sandbox")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return key, certificate.public_bytes(serialization.Encoding.PEM).decode()


class TestAssertion:
    def ask(self, graph, sandbox, key, headers=None, **changes):
        jwt = pytest.importorskip("jwt")
        claims = {
            "aud": f"{sandbox.url}/graph/{seed.TENANT_ID}/oauth2/v2.0/token",
            "iss": seed.CLIENT_ID,
            "sub": seed.CLIENT_ID,
            "exp": datetime.now(UTC) + timedelta(minutes=5),
            **changes,
        }
        assertion = jwt.encode(claims, key, "RS256", headers={"x5t": "abc"} if headers is None else headers)
        return token(
            graph,
            client_secret=None,
            client_assertion=assertion,
            client_assertion_type="urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        )

    def test_by_its_looks(self, graph, sandbox, pair):
        key, _ = pair
        assert self.ask(graph, sandbox, key).status == 200
        for wrong in (
            self.ask(graph, sandbox, key, aud="https://elsewhere.example/"),
            self.ask(graph, sandbox, key, iss="x"),
            self.ask(graph, sandbox, key, exp=datetime.now(UTC) - timedelta(minutes=1)),
            self.ask(graph, sandbox, key, headers={}),
        ):
            assert (wrong.status, wrong.json["error_codes"]) == (401, [700027])

    def test_by_its_signature(self, graph, sandbox, pair):
        from cryptography.hazmat.primitives.asymmetric import rsa

        key, certificate = pair
        sandbox.reset(certificate=certificate)
        assert self.ask(graph, sandbox, key).status == 200
        other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        assert self.ask(graph, sandbox, other).status == 401

    def test_that_is_no_jwt(self, graph):
        reply = token(
            graph,
            client_secret=None,
            client_assertion="x",
            client_assertion_type="urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        )
        assert (reply.status, reply.json["error_codes"]) == (401, [700027])
