"""Make and check short-lived tokens, each for one HTTP call with its exact content.

A token is a JSON Web Token (RFC 7519) signed with EdDSA (RFC 8037). Its claims name the caller
(``iss``, a key id), the domain (``aud``), the method (``htm``) and target (``htu``) as in RFC 9449,
the SHA-256 of the body (``bsh``), a unique ``jti``, and when it was made and ends.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

import jwt

from workbench.errors import InvalidToken
from workbench.identity.keys import PrivateKey, PublicKey

LIFETIME = 60
LONGEST = 120
SKEW = 60
_REQUIRED = ["iss", "aud", "iat", "exp", "jti", "htm", "htu", "bsh"]


@dataclass(frozen=True)
class Caller:
    """Who made a call: the key, and the token's id with the second at which it ends.

    `body_hash` is the SHA-256 of the body for which the token is, which may not have come yet.
    """

    key: PublicKey
    jti: str
    expires: int
    body_hash: str

    def check_body(self, body: bytes) -> None:
        """Check that the token is for this body.

        Raises
        ------
        InvalidToken
            If it is not.
        """
        if hashlib.sha256(body).hexdigest() != self.body_hash:
            raise InvalidToken("the token is for another call")


def make(key: PrivateKey, audience: str, method: str, target: str, body: bytes = b"") -> str:
    """Return a token for one call.

    Parameters
    ----------
    key
        The caller's key.
    audience
        The domain's name.
    method, target
        Such as ``"POST"`` and ``"/v1/requests?state=pending"``.
    body
        The exact bytes of the body.
    """
    now = int(time.time())
    claims = {
        "iss": key.key_id,
        "aud": audience,
        "iat": now,
        "exp": now + LIFETIME,
        "jti": secrets.token_hex(16),
        "htm": method.upper(),
        "htu": target,
        "bsh": hashlib.sha256(body).hexdigest(),
    }
    return jwt.encode(claims, key.crypto, algorithm="EdDSA")


def verify(
    token: str,
    audience: str,
    method: str,
    target: str,
    find_key: Callable[[str], PublicKey | None],
) -> Caller:
    """Check a call's token before the body has come, and return who makes the call.

    Parameters
    ----------
    token
        What the caller sent.
    audience, method, target
        What was called, here.
    find_key
        Key id to the key that is admitted under it, or None.

    Raises
    ------
    InvalidToken
        If the token is malformed, forged, expired, too long-lived, or for another call.
    """
    if len(token) > 4096:
        raise InvalidToken("the token is too long")
    try:
        claimed = jwt.decode(token, options={"verify_signature": False})
        issuer = claimed.get("iss")
        key = find_key(issuer) if isinstance(issuer, str) else None
        if key is None:
            raise InvalidToken(
                f"key {str(issuer)[:12]} is not known here",
                "Ask the domain's steward to admit your public key (workbench key show).",
            )
        claims = jwt.decode(
            token,
            key.crypto,
            algorithms=["EdDSA"],
            audience=audience,
            leeway=SKEW,
            options={"require": _REQUIRED, "strict_aud": True},
        )
    except jwt.ExpiredSignatureError:
        raise InvalidToken(
            "the token has expired", "Check that this machine's clock is right."
        ) from None
    except jwt.InvalidAudienceError:
        raise InvalidToken(f"the token is not for domain '{audience}'") from None
    except (jwt.InvalidTokenError, ValueError, TypeError, RecursionError) as error:
        raise InvalidToken(f"the token is not valid ({type(error).__name__})") from None
    if not isinstance(claims["iat"], int) or not isinstance(claims["exp"], int):
        raise InvalidToken("the token's times are not whole seconds")
    if claims["exp"] - claims["iat"] > LONGEST:
        raise InvalidToken(f"the token lives longer than {LONGEST} seconds")
    if (claims["htm"], claims["htu"]) != (method.upper(), target):
        raise InvalidToken("the token is for another call")
    if not isinstance(claims["jti"], str) or not 16 <= len(claims["jti"]) <= 64:
        raise InvalidToken("the token has no usable id")
    return Caller(key, claims["jti"], claims["exp"], str(claims["bsh"]))
