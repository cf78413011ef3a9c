"""A real Home Assistant without a head: seeded so that it asks nobody anything, and looked at through its API."""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import secrets
import signal
import socket
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from doorbus.local.prepare import LocalError
from doorbus.local.stack import Process, free_port

State = Mapping[str, Any]
PATIENCE = 90.0
"""Seconds: many times what a machine takes that has nothing else to do."""
# The hold and the cooldown are long enough for a person's second try to come into them.
ACTUATOR = {
    "DOORBUS_ACTUATOR__UNLOCK_SECONDS": "1",
    "DOORBUS_ACTUATOR__COOLDOWN_SECONDS": "3",
    "DOORBUS_ACTUATOR__OUT_OF_VIEW_SECONDS": "0",  # one test after another shows the same face
    "DOORBUS_ACTUATOR__INPUTS__CONTACT__GRACE_SECONDS": "0",  # what is opened while it is locked is forced
    "DOORBUS_ACTUATOR__TIME_ZONE": "UTC",
}
CAPTURE = {"DOORBUS_CAPTURE__SOURCE": "none"}
# What Home Assistant says when a broker goes away, and must say.
BROKER_GONE = ("Disconnected from MQTT server", "Failed to connect to MQTT server", "The connection was lost")


class Hass:
    """One Home Assistant with its own configuration directory; it may be stopped and started again."""

    def __init__(self, program: Path, folder: Path, broker: Mapping[str, Any], configuration: str = "") -> None:
        self.folder = folder
        self._program = program
        self._port = free_port()
        self._process: Process | None = None
        self._heard = 0
        self._folder_made(broker, configuration)

    # Its life.

    async def start(self) -> None:
        """Start, and wait until it runs and has its MQTT integration loaded."""
        command = [str(self._program), "-c", str(self.folder), "--skip-pip"]
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        self._process = await Process.start("hass", command, self.folder, environment)
        try:
            async with asyncio.timeout(300):
                while not await self._is_up():
                    self._process.check_alive()
                    await asyncio.sleep(0.25)
        except TimeoutError:
            raise LocalError(f"Home Assistant is not up after 300 s:\n{self.log()[-4000:]}") from None

    async def stop(self) -> None:
        """Stop as a person does who restarts it."""
        if self._process is not None:
            await self._process.stop(signal.SIGTERM, patience=60)
            self._process = None

    async def _is_up(self) -> bool:
        try:
            config = await self.get("/api/config")
            entries = await self.get("/api/config/config_entries/entry?domain=mqtt")
        except OSError:  # an HTTPError is one
            return False
        return config["state"] == "RUNNING" and [one["state"] for one in entries] == ["loaded"]

    def log(self) -> str:
        """All that it has printed."""
        return (self.folder / "hass.log").read_text(errors="replace")

    def complaints(self) -> list[str]:
        """What it has warned of since this was asked last: integrations, entities, templates, deprecations."""
        log = self.log()
        new = log[self._heard : log.rfind("\n") + 1]
        self._heard += len(new)
        about = ("[homeassistant.components.", "[homeassistant.helpers.", "[homeassistant.util.")
        grave = [line for line in new.splitlines() if " WARNING " in line or " ERROR " in line]
        return [line for line in grave if any(name in line for name in about)]

    # Its API.

    @property
    def address(self) -> str:
        """Where its page is. Who comes from this machine is signed in as the owner."""
        return f"http://127.0.0.1:{self._port}"

    async def get(self, path: str) -> Any:
        """The JSON at `path`."""
        return json.loads(await self.request("GET", path))

    async def request(self, method: str, path: str, body: object = None) -> bytes:
        """What it answers; raises `urllib.error.HTTPError` for a refusal."""
        return await asyncio.to_thread(self._request, method, path, body)

    async def call(self, service: str, **data: Any) -> None:
        """Call a service as a person does with a button."""
        await self.request("POST", f"/api/services/{service.replace('.', '/')}", data)

    async def states(self) -> dict[str, State]:
        """Every entity's state by its id."""
        return {one["entity_id"]: one for one in await self.get("/api/states")}

    async def template(self, text: str) -> str:
        """What a template makes, which sees the registries."""
        return (await self.request("POST", "/api/template", {"template": text})).decode()

    async def until(self, entity: str, holds: Callable[[State], bool] | str, patience: float = PATIENCE) -> State:
        """Wait until the state of `entity` is this word, or `holds`."""
        state: State = {}
        try:
            async with asyncio.timeout(patience):
                while True:
                    state = (await self.states()).get(entity, {})
                    if state and (state["state"] == holds if isinstance(holds, str) else holds(state)):
                        return state
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"{entity} is {state or 'not there'}\n{self.log()[-3000:]}") from None

    async def until_gone(self, *entities: str) -> None:
        """Wait until there is no such entity."""
        async with asyncio.timeout(PATIENCE):
            while (await self.states()).keys() & set(entities):  # noqa: ASYNC110  # it has no event for it
                await asyncio.sleep(0.1)

    async def picture(self, entity: str, wanted: bytes) -> bytes:
        """What a camera or image shows, once it is the picture that is wanted; else the last one that came."""
        found = b""
        deadline = time.monotonic() + PATIENCE
        while found != wanted and time.monotonic() < deadline:
            try:
                found = await self.request("GET", f"/api/{entity.partition('.')[0]}_proxy/{entity}")
            except urllib.error.HTTPError as error:
                if error.code != 500:  # it has none yet
                    raise
            await asyncio.sleep(0.1)
        return found

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[list[str]]:
        """The ids of the entities of which something changes meanwhile, one for each change that it keeps."""
        changed: list[str] = []
        stream = await asyncio.to_thread(self._opened, "GET", "/api/stream?restrict=state_changed", None)
        reading = asyncio.create_task(asyncio.to_thread(_note_changes, stream, changed))
        try:
            yield changed
        finally:
            stream.fp.raw._sock.shutdown(socket.SHUT_RDWR)  # noqa: SLF001  # there is no other way to end the reading
            await asyncio.gather(reading, return_exceptions=True)
            stream.close()

    def _opened(self, method: str, path: str, body: object) -> Any:
        request = urllib.request.Request(  # our own loopback address
            f"http://127.0.0.1:{self._port}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
        )
        return urllib.request.urlopen(request, timeout=30)  # noqa: S310

    def _request(self, method: str, path: str, body: object) -> bytes:
        with self._opened(method, path, body) as answer:
            content: bytes = answer.read()
        return content

    # What it finds when it starts: somebody has been through its setup already.

    def _folder_made(self, broker: Mapping[str, Any], configuration: str) -> None:
        (self.folder / ".storage").mkdir(parents=True)
        (self.folder / "configuration.yaml").write_text(
            f"""\
homeassistant:
  {{name: home, latitude: 0, longitude: 0, elevation: 0, unit_system: metric, time_zone: UTC, country: DE,
  auth_providers: [{{type: trusted_networks, trusted_networks: [127.0.0.1/32], allow_bypass_login: true}}]}}
http: {{server_host: 127.0.0.1, server_port: {self._port}}}
logger: {{default: warning}}
frontend:
{configuration}"""
        )
        user, session, key = secrets.token_hex(16), secrets.token_hex(16), secrets.token_hex(32)
        self._token = _signed({"iss": session, "iat": int(time.time()), "exp": int(time.time()) + 86400}, key)
        groups = {"system-admin": "Administrators", "system-users": "Users", "system-read-only": "Read Only"}
        owner = {"id": user, "group_ids": ["system-admin"], "is_owner": True, "is_active": True, "name": "owner"}
        token = {
            "id": session,
            "user_id": user,
            "client_name": "tests",
            "token_type": "long_lived_access_token",
            "created_at": datetime.now(UTC).isoformat(),
            "access_token_expiration": 86400.0,
            "token": secrets.token_hex(32),
            "jwt_key": key,
        }
        unset = ("client_id", "client_icon", "last_used_at", "last_used_ip", "credential_id")
        self._store(
            "auth",
            {
                "users": [owner | {"system_generated": False, "local_only": False}],
                "groups": [{"id": id_, "name": name} for id_, name in groups.items()],
                "credentials": [],
                "refresh_tokens": [token | dict.fromkeys(unset) | {"version": "1"}],
            },
        )
        self._store("onboarding", {"done": ["user", "core_config", "analytics", "integration"]}, version=4)
        entry = {
            "entry_id": "mqtt" + "0" * 28,
            "version": 1,
            "minor_version": 1,
            "domain": "mqtt",
            "title": "broker",
            "data": {"discovery": True, "protocol": "5", **broker},
            "options": {},
            "pref_disable_new_entities": False,
            "pref_disable_polling": False,
            "source": "user",
            "unique_id": None,
            "disabled_by": None,
        }
        # What this version would write itself; newer ones take what differs from it back after five minutes.
        self._store(
            "http",
            {
                "server_host": ["127.0.0.1"],
                "server_port": self._port,
                "login_attempts_threshold": -1,
                "cors_allowed_origins": ["https://cast.home-assistant.io"],
                "ssl_profile": "modern",
                "ip_ban_enabled": True,
                "use_x_frame_options": True,
            },
        )
        self._store("core.config_entries", {"entries": [entry]})

    def _store(self, key: str, data: object, version: int = 1) -> None:
        content = {"version": version, "minor_version": 1, "key": key, "data": data}
        (self.folder / ".storage" / key).write_text(json.dumps(content))


def _note_changes(stream: Any, changed: list[str]) -> None:
    events = (json.loads(line[6:]) for line in stream if line.startswith(b"data: {"))
    changed.extend(event["data"]["entity_id"] for event in events)


def _signed(claims: Mapping[str, object], key: str) -> str:
    """A JSON Web Token."""
    parts = [json.dumps(one).encode() for one in ({"alg": "HS256", "typ": "JWT"}, claims)]
    text = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    signature = hmac.new(key.encode(), text, hashlib.sha256).digest()
    return (text + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()
