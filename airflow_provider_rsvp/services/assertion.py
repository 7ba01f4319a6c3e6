"""
A signed assertion in place of a client secret.

Sources: RFC 7523, section 2.2; Microsoft identity platform, certificate credentials.
"""

from __future__ import annotations

import base64
import time
import uuid

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
    import jwt
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from cryptography.x509 import load_pem_x509_certificate

    # A form's one-line field and environment files hold line breaks as two characters.
    private_key, certificate = (pem.replace("\\n", "\n") for pem in (private_key, certificate))
    try:
        key = load_pem_private_key(private_key.encode(), passphrase.encode() if passphrase else None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigurationError(
            "private_key: cannot be read as PEM; is it complete, and is private_key_passphrase right?"
        ) from None
    try:
        thumbprint = load_pem_x509_certificate(certificate.encode()).fingerprint(SHA256())
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
    try:
        return jwt.encode(claims, key, algorithm="PS256", headers=header)  # type: ignore[arg-type]
    except (TypeError, jwt.PyJWTError):
        raise ConfigurationError("private_key: an RSA key is needed.") from None
