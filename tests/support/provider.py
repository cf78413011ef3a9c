# ruff: noqa: ARG002  # Authlib's hooks have more arguments than we need
"""A small OpenID Connect provider, of Authlib's server side, which is reached over HTTP."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import uvicorn
from authlib.common.security import generate_token
from authlib.oauth2 import AuthorizationServer, OAuth2Error, OAuth2Request
from authlib.oauth2.rfc6749 import ClientMixin, grants
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core import OpenIDCode
from fastapi import FastAPI, Request, Response
from joserfc.jwk import RSAKey

from doorbus.local.stack import free_port

CLIENT, SECRET = "console", "the client's secret"


@dataclass
class Provider:
    """A provider at which somebody is signed in already: `person` is what it says of them."""

    address: str
    person: dict[str, Any] = field(default_factory=dict)
    only_userinfo: frozenset[str] = frozenset()
    """Claims that it tells there alone."""
    wrong: dict[str, Any] = field(default_factory=dict)
    """What its tokens claim instead of what is so."""
    said: dict[str, Any] = field(default_factory=dict)
    """What it says of itself besides."""
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))
    codes: dict[str, "_Code"] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Code:
    asked: Mapping[str, str]
    user: Mapping[str, Any]

    @property
    def code_challenge(self) -> str | None:
        return self.asked.get("code_challenge")

    @property
    def code_challenge_method(self) -> str | None:
        return self.asked.get("code_challenge_method")

    def get_redirect_uri(self) -> str:
        return self.asked["redirect_uri"]

    def get_scope(self) -> str:
        return self.asked["scope"]

    def get_nonce(self) -> str | None:
        return self.asked.get("nonce")

    def get_auth_time(self) -> int:
        return int(time.time())

    def get_acr(self) -> None:
        return None

    def get_amr(self) -> None:
        return None


class _Client(ClientMixin):  # type: ignore[misc]  # authlib has no types
    client_id = CLIENT

    def get_client_id(self) -> str:
        return CLIENT

    def get_allowed_scope(self, scope: str) -> str:
        return scope

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri.endswith("/login/oidc/callback")

    def check_client_secret(self, client_secret: str) -> bool:
        return client_secret == SECRET

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == "client_secret_basic"

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "authorization_code"


class _Asked(OAuth2Request):  # type: ignore[misc]
    def __init__(self, method: str, fields: Mapping[str, str], headers: Mapping[str, str]) -> None:
        super().__init__(method, "https://provider.test/", headers=headers)
        self.payload = BasicOAuth2Payload(dict(fields))

    @property
    def args(self) -> Mapping[str, str]:
        return dict(self.payload.data)

    @property
    def form(self) -> Mapping[str, str]:
        return dict(self.payload.data)


class _Server(AuthorizationServer):  # type: ignore[misc]
    def __init__(self, provider: Provider) -> None:
        super().__init__()
        self.provider = provider
        self.register_token_generator("default", BearerTokenGenerator(lambda *_a, **_k: generate_token(42)))
        self.register_grant(_Grant, [_Challenge(required=True), _Named(require_nonce=True)])

    def query_client(self, client_id: str) -> _Client | None:
        return _Client() if client_id == CLIENT else None

    def save_token(self, token: Mapping[str, Any], request: Any) -> None:
        self.provider.tokens.append(token["access_token"])

    def create_oauth2_request(self, request: _Asked) -> _Asked:
        return request

    def handle_response(self, status: int, body: Any, headers: Any) -> Response:
        text = json.dumps(body) if isinstance(body, dict) else body
        return Response(text, status, dict(headers))

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        pass


class _Grant(grants.AuthorizationCodeGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic",)

    def save_authorization_code(self, code: str, request: Any) -> None:
        self.server.provider.codes[code] = _Code(request.payload.data, request.user)

    def query_authorization_code(self, code: str, client: _Client) -> _Code | None:
        found: _Code | None = self.server.provider.codes.get(code)
        return found

    def delete_authorization_code(self, authorization_code: _Code) -> None:
        codes = self.server.provider.codes
        for code in [name for name, one in codes.items() if one is authorization_code]:
            del codes[code]

    def authenticate_user(self, authorization_code: _Code) -> Mapping[str, Any]:
        return authorization_code.user


class _Challenge(CodeChallenge):  # type: ignore[misc]
    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)


class _Named(OpenIDCode):  # type: ignore[misc]
    """The id token."""

    provider: Provider

    def __call__(self, grant: Any) -> None:
        self.provider = grant.server.provider
        super().__call__(grant)

    def exists_nonce(self, nonce: str, request: Any) -> bool:
        return any(code.get_nonce() == nonce for code in self.provider.codes.values())

    def resolve_client_private_key(self, client: _Client) -> RSAKey:
        return self.provider.key

    def get_encode_header(self, client: _Client) -> dict[str, str]:
        return {"alg": "RS256", "kid": str(self.provider.key.kid)}

    def get_client_algorithm(self, client: _Client) -> str:
        return "RS256"

    def get_client_claims(self, client: _Client) -> dict[str, Any]:
        return {"iss": self.provider.address, "aud": [CLIENT]}

    def generate_user_info(self, user: Mapping[str, Any], scope: str) -> dict[str, Any]:
        told = {name: claim for name, claim in user.items() if name not in self.provider.only_userinfo}
        return told | self.provider.wrong


def _application(provider: Provider) -> FastAPI:
    app, server = FastAPI(), _Server(provider)

    @app.get("/.well-known/openid-configuration")
    async def configuration() -> dict[str, Any]:
        return {
            "issuer": provider.address,
            "authorization_endpoint": f"{provider.address}/authorize",
            "token_endpoint": f"{provider.address}/token",
            "userinfo_endpoint": f"{provider.address}/userinfo",
            "jwks_uri": f"{provider.address}/jwks",
            "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
            **provider.said,
        }

    @app.get("/jwks")
    async def jwks() -> dict[str, Any]:
        return {"keys": [provider.key.as_dict(private=False)]}

    @app.get("/userinfo")
    async def userinfo(request: Request) -> Response:
        known = request.headers.get("authorization", "").removeprefix("Bearer ") in provider.tokens
        return Response(json.dumps(provider.person), 200 if known else 401, {"Content-Type": "application/json"})

    @app.get("/authorize")
    async def authorize(request: Request) -> Response:
        asked = _Asked("GET", dict(request.query_params), request.headers)
        try:
            grant = server.get_consent_grant(asked, provider.person or None)
            answer = server.create_authorization_response(asked, grant_user=provider.person or None, grant=grant)
        except OAuth2Error as error:
            answer = server.handle_error_response(asked, error)
        assert isinstance(answer, Response)
        return answer

    @app.post("/token")
    async def token(request: Request) -> Response:
        fields = dict(parse_qsl((await request.body()).decode()))
        answer = server.create_token_response(_Asked("POST", fields, request.headers))
        assert isinstance(answer, Response)
        return answer

    return app


class _Uvicorn(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def a_provider(
    port: int | None = None, host: str = "127.0.0.1", pair: tuple[Path, Path] | None = None
) -> AsyncIterator[Provider]:
    """A provider on a port of this machine; `pair` is its certificate and key, if it is reached by https."""
    port = port or free_port()
    provider = Provider(f"{'https' if pair else 'http'}://{host}:{port}")
    certificate, key = pair or (None, None)
    config = uvicorn.Config(
        _application(provider),
        host=host,
        port=port,
        ws="none",
        lifespan="off",
        log_config=None,
        timeout_graceful_shutdown=1,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )
    server = _Uvicorn(config)
    serving = asyncio.create_task(server.serve())
    await server.ready.wait()
    try:
        yield provider
    finally:
        server.should_exit = True
        await serving
