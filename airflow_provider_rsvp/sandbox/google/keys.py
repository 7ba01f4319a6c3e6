"""The key of the sandbox's service account: generated in each process, as one in the source would not be secret."""

from __future__ import annotations

from functools import cache

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

KEY_ID = "sandbox0google0key0id0000000000000000000"


@cache
def _key() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


def public_key() -> RSAPublicKey:
    """Return what assertions are checked with."""
    return _key().public_key()


def key_file(service_account: str, token_uri: str) -> dict[str, str]:
    """Make a key file as Google Cloud gives it for a service account."""
    pem = _key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return {
        "type": "service_account",
        "project_id": "sandbox-project",
        "private_key_id": KEY_ID,
        "private_key": pem,
        "client_email": service_account,
        "client_id": "100000000000000000001",
        "token_uri": token_uri,
        "universe_domain": "googleapis.com",
    }
