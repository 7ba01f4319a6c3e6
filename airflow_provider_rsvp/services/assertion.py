"""
Signed assertions in place of a secret: of a client, and of a service account that acts for a user.

Sources: RFC 7523, sections 2.1 and 2.2; Microsoft identity platform, certificate credentials; Google Identity,
using OAuth 2.0 for server to server applications.
"""

from __future__ import annotations

import base64
import time
import uuid
from typing import Any

from airflow_provider_rsvp.exceptions import ConfigurationError

_LIFETIME = 600


def client_assertion(
    *, client_id: str, audience: str, private_key: str, certificate: str, passphrase: str | None = None
) -> str:
    """
    Return a JWT with which a client proves that it holds a certificate's key.

    :param audience: the address of the token endpoint
    :param private_key: PEM
    :param certificate: PEM, as uploaded to the application
    :raises ConfigurationError: the key or the certificate cannot be read
    """
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.x509 import load_pem_x509_certificate

    key = _read_key(
        private_key,
        passphrase,
        "private_key: cannot be read as PEM; is it complete, and is private_key_passphrase right?",
    )
    try:
        thumbprint = load_pem_x509_certificate(_pem(certificate)).fingerprint(SHA256())
    except ValueError:
        raise ConfigurationError("certificate: cannot be read as PEM.") from None
    now = int(time.time())
    claims = {
        "aud": audience,
        "iss": client_id,
        "sub": client_id,
        "jti": str(uuid.uuid4()),
        "nbf": now,
        "exp": now + _LIFETIME,
    }
    header = {"x5t#S256": base64.urlsafe_b64encode(thumbprint).rstrip(b"=").decode()}
    return _signed(claims, key, "PS256", header, "private_key: an RSA key is needed.")


def delegation_assertion(
    *, issuer: str, subject: str, scope: str, audience: str, private_key: str, key_id: str | None = None
) -> str:
    """
    Return a JWT with which a service account asks for an access token of a user of its domain.

    :param issuer: the service account's address
    :param subject: the user's address
    :param audience: the address of the token endpoint
    :param private_key: PEM, of the service account's key file
    :raises ConfigurationError: the key cannot be read
    """
    field = "service_account_key: its private_key"
    key = _read_key(private_key, None, f"{field} cannot be read as PEM; is the key file complete?")
    now = int(time.time())
    claims = {
        "iss": issuer,
        "sub": subject,
        "scope": scope,
        "aud": audience,
        "iat": now,
        "exp": now + _LIFETIME,
    }
    header = {"kid": key_id} if key_id else {}
    return _signed(claims, key, "RS256", header, f"{field} must be an RSA key.")


def _read_key(private_key: str, passphrase: str | None, problem: str) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return load_pem_private_key(_pem(private_key), passphrase.encode() if passphrase else None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigurationError(problem) from None


def _pem(text: str) -> bytes:
    """Return PEM; one-line form fields and environment files hold line breaks as a backslash and an n."""
    return text.replace("\\n", "\n").encode()


def _signed(claims: dict[str, Any], key: Any, algorithm: str, header: dict[str, str], problem: str) -> str:
    import jwt

    try:
        return jwt.encode(claims, key, algorithm=algorithm, headers=header)
    except (TypeError, jwt.PyJWTError):
        raise ConfigurationError(problem) from None
