"""Asks an OpenID Connect provider who somebody is. The only importer of authlib, joserfc and httpx2."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from authlib.common.errors import AuthlibBaseError
from authlib.integrations.base_client import BaseApp
from authlib.integrations.base_client.async_app import AsyncOAuth2Mixin
from authlib.integrations.base_client.async_openid import AsyncOpenIDMixin
from authlib.integrations.httpx_client import AsyncOAuth2Client
from httpx2 import HTTPError, InvalidURL
from joserfc.errors import JoseError

from doorbus.runtime.clock import Clock
from doorbus.runtime.errors import SetupError
from doorbus_console.identity import Identity, claimed, groups_of
from doorbus_console.settings import Oidc, is_safe

_TIMEOUT_SECONDS = 5.0
_LEEWAY_SECONDS = 60
_KEPT_SECONDS = 3600.0
"""How long what the provider says of itself is not asked for again."""
_SIGNED_BY = tuple(f"{kind}{bits}" for kind in ("RS", "PS", "ES") for bits in (256, 384, 512))
"""By keys that the provider alone has: not by the client's secret, and not by none."""
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint")

_SILENT = (HTTPError, InvalidURL, ValueError, TypeError, LookupError, AttributeError, RuntimeError)
"""Nothing that answers, or nonsense: what it says is taken as it comes, and a field may be of any type or missing."""


class Unreachable(Exception):  # noqa: N818  # an event of the network
    """The provider does not answer, or not as one does; the text says what happened."""


class NotProven(Exception):  # noqa: N818  # an answer, not an error of the program
    """What came back proves nothing; the text says why."""


@dataclass(frozen=True)
class Begun:
    """A sign-in under way: `url` is where the browser goes; the rest has to be there when it comes back."""

    url: str
    state: str
    nonce: str
    verifier: str


class Provider(Protocol):
    """Who knows the people of an office."""

    async def begin(self, back: str) -> Begun:
        """Send somebody there, who is to come back to the address `back`; raises `Unreachable`."""
        ...

    async def identity(self, back: str, code: str, nonce: str, verifier: str) -> Identity:
        """Who has come back with `code`; raises `NotProven` and `Unreachable`."""
        ...


class _Client(AsyncOAuth2Mixin, AsyncOpenIDMixin, BaseApp):  # type: ignore[misc]  # authlib has no types
    client_cls = AsyncOAuth2Client


class OidcProvider:
    """See `Provider`. Code flow with PKCE; the endpoints and keys are what the issuer says they are."""

    def __init__(self, settings: Oidc, clock: Clock) -> None:
        """Raises `SetupError` where a file cannot be read."""
        self._settings = settings
        self._clock = clock
        self._secret = settings.secret()
        self._trust = _trust(settings.tls_ca)
        self._asked: tuple[float, Any] | None = None

    async def begin(self, back: str) -> Begun:
        """See `Provider`."""
        try:
            client = await self._client()
            made = await client.create_authorization_url(back)
        except (*_SILENT, AuthlibBaseError) as error:
            raise self._unreachable(error) from error
        return Begun(made["url"], made["state"], made["nonce"], made["code_verifier"])

    async def identity(self, back: str, code: str, nonce: str, verifier: str) -> Identity:
        """See `Provider`."""
        try:
            client = await self._client()
            token = await client.fetch_access_token(back, code=code, code_verifier=verifier)
            claims = await self._proven(client, token, nonce)
        except (AuthlibBaseError, JoseError) as error:
            self._asked = None  # perhaps its keys are others by now
            raise NotProven(str(error)) from error
        except _SILENT as error:
            raise self._unreachable(error) from error
        name = claimed(claims, self._settings.name_claim)
        return Identity(
            f"{self._settings.issuer} {claims['sub']}",
            name.lower() if isinstance(name, str) else "",
            groups_of(claimed(claims, self._settings.roles_claim)),
        )

    async def _proven(self, client: Any, token: Any, nonce: str) -> Mapping[str, Any]:
        """The claims of a token that was checked, and those that only its userinfo has."""
        expected = {
            "iss": {"essential": True, "value": client.server_metadata["issuer"]},
            "aud": {"essential": True, "value": self._settings.client_id},
        }
        proven = await client.parse_id_token(token, nonce, claims_options=expected, leeway=_LEEWAY_SECONDS)
        if proven is None:
            raise NotProven("there is no id_token in the answer; is openid among the scopes?")
        if not isinstance(proven.get("sub"), str) or not proven["sub"]:
            raise NotProven("it names nobody")
        wanted = (self._settings.name_claim, self._settings.roles_claim)
        if all(claimed(proven, one) is not None for one in wanted) or "userinfo_endpoint" not in client.server_metadata:
            return dict(proven)
        more = await client.userinfo(token=token)
        if more.get("sub") != proven["sub"]:
            raise NotProven("its userinfo is somebody else's")
        return {**more, **proven}

    async def _client(self) -> Any:
        """A client that knows what the provider says of itself."""
        now = self._clock.monotonic()
        if self._asked is not None and now - self._asked[0] < _KEPT_SECONDS:
            return self._asked[1]
        issuer = self._settings.issuer.rstrip("/")
        client = _Client(
            None,
            client_id=self._settings.client_id,
            client_secret=self._secret,
            server_metadata_url=f"{issuer}/.well-known/openid-configuration",
            client_kwargs={
                "scope": self._settings.scopes,
                "code_challenge_method": "S256",
                "timeout": _TIMEOUT_SECONDS,
                "verify": self._trust,
            },
        )
        said = await client.load_server_metadata()
        if str(said.get("issuer", "")).rstrip("/") != issuer:
            raise ValueError(f"it calls itself {said.get('issuer')!r}, not {issuer}")
        if not all(is_safe(str(said[one])) for one in _ENDPOINTS if one in said):
            raise ValueError("one of its endpoints has no https")
        said["id_token_signing_alg_values_supported"] = [
            one for one in said.get("id_token_signing_alg_values_supported", ()) if one in _SIGNED_BY
        ]
        client.client_kwargs["token_endpoint_auth_method"] = self._way(said)
        self._asked = (now, client)
        return client

    def _way(self, said: Mapping[str, Any]) -> str:
        """How the client shows its secret, if it has one."""
        if self._secret is None:
            return "none"
        ways = said.get("token_endpoint_auth_methods_supported", ("client_secret_basic",))
        return "client_secret_basic" if "client_secret_basic" in ways else "client_secret_post"

    def _unreachable(self, error: Exception) -> Unreachable:
        self._asked = None
        return Unreachable(f"{self._settings.issuer}: {type(error).__name__} {error}".strip())


def _trust(path: Path | None) -> ssl.SSLContext | bool:
    """Whose certificates count."""
    try:
        return True if path is None else ssl.create_default_context(cafile=path)
    except OSError as error:  # ssl.SSLError is one
        raise SetupError(
            f"DOORBUS_CONSOLE__OIDC__TLS_CA={path}: {error.strerror}; it must hold PEM certificates"
        ) from None
