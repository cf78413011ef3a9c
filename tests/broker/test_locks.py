"""Locks that are not on a wire: each played in the device's own words, on a real broker or a real HTTP server."""

import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from doorbus.local.prepare import broker_command
from doorbus.local.stack import free_port
from doorbus.runtime.errors import SetupError
from doorbus_actuator.factory import chosen_relay, lock_secret
from doorbus_actuator.guardian import relay_of
from doorbus_actuator.relay import Relay, RelayError
from doorbus_actuator.settings import ActuatorSettings
from support.guarded import guarded_as

Said = Callable[[str], list[tuple[str, str]]]
"""What a device publishes, topic and payload, when it hears this."""


class Wire:
    """A broker that lets everybody in."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._config = folder / "mosquitto.conf"
        self._config.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = broker_command()[0]
        self._process = subprocess.Popen([program, "-c", self._config], stderr=subprocess.DEVNULL)
        for _ in range(200):
            with self.client() as one:
                if one.is_connected():
                    return
            time.sleep(0.05)  # a port tells nobody that it is open
        raise AssertionError("no broker")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    @contextmanager
    def client(self) -> Iterator[paho.Client]:
        one, there = paho.Client(CallbackAPIVersion.VERSION2), threading.Event()
        one.on_connect = lambda *_: there.set()
        try:
            one.connect("127.0.0.1", self.port)
        except OSError:
            yield one
            return
        one.loop_start()
        there.wait(10)
        try:
            yield one
        finally:
            one.disconnect()
            one.loop_stop()


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[Wire]:
    one = Wire(tmp_path)
    one.start()
    yield one
    one.stop()


class Device:
    """A lock or switch as it is on the wire: hears `orders`, answers what `says` says, and notes what it has heard."""

    def __init__(self, client: paho.Client, orders: str, says: Said) -> None:
        self.heard: list[str] = []
        self._news = threading.Condition()
        self.says = says
        ready = threading.Event()
        client.on_subscribe = lambda *_: ready.set()
        client.on_message = lambda _client, _data, message: self._hear(client, message.payload.decode())
        client.subscribe(orders, qos=1)
        assert ready.wait(10)

    def has_heard(self, *orders: str) -> bool:
        """Whether these and no others came, in this order; waits for as many."""
        with self._news:
            self._news.wait_for(lambda: len(self.heard) >= len(orders), 10)
        return self.heard == list(orders)

    def _hear(self, client: paho.Client, order: str) -> None:
        if order == "ack":  # its own word on the same topic
            return
        with self._news:
            self.heard.append(order)
            self._news.notify_all()
        for topic, payload in self.says(order):
            client.publish(topic, payload, qos=1)


def shelly(order: str) -> list[tuple[str, str]]:
    status = {
        "id": 0,
        "source": "MQTT",
        "output": order == "on",
        "apower": 0.0,
        "temperature": {"tC": 41.2, "tF": 106.2},
    }
    return [("shellyplus1-a8032ab1/status/switch:0", json.dumps(status))]


def zigbee2mqtt(order: str) -> list[tuple[str, str]]:
    state = json.loads(order)["state"]
    told = {"state": state, "lock_state": {"LOCK": "locked", "UNLOCK": "unlocked"}[state], "linkquality": 120}
    return [("zigbee2mqtt/Front door", json.dumps(told))]


def nuki(order: str) -> list[tuple[str, str]]:
    between = {"unlock": ["unlocking", "unlocked"], "lock": ["locking", "locked"]}[order]
    return [("nukihub/lock/action", "ack"), *(("nukihub/lock/state", state) for state in between)]


DEVICES: dict[str, tuple[str, str, Said, str, str]] = {
    "tasmota": (
        "front",
        "cmnd/front/POWER",
        lambda order: [("stat/front/RESULT", json.dumps({"POWER": order})), ("stat/front/POWER", order)],
        "ON",
        "OFF",
    ),
    "shelly": ("shellyplus1-a8032ab1", "shellyplus1-a8032ab1/command/switch:0", shelly, "on", "off"),
    "zigbee2mqtt": (
        "Front door",
        "zigbee2mqtt/Front door/set",
        zigbee2mqtt,
        '{"state": "UNLOCK"}',
        '{"state": "LOCK"}',
    ),
    "nuki_hub": (
        "nukihub/lock",
        "nukihub/lock/action",
        nuki,
        "unlock",
        "lock",
    ),
    "esphome": (
        "entrance/lock/strike",
        "entrance/lock/strike/command",
        lambda order: [("entrance/lock/strike/state", f"{order}ED")],
        "UNLOCK",
        "LOCK",
    ),
}


def settings(var: Path, port: int = 1, **own: Any) -> ActuatorSettings:
    broker = {"host": "127.0.0.1", "port": port, "username": "anybody", "password": "anything"}
    return ActuatorSettings(_env_file=None, var=var, broker=broker, actuator=own)


def relay(chosen: ActuatorSettings) -> Relay:
    return relay_of(chosen_relay(chosen), print, lock_secret(chosen))


@pytest.mark.parametrize("preset", DEVICES)
def test_a_lock_of_this_make_is_locked_first_unlocked_and_locked_in_its_own_words(
    preset: str, wire: Wire, tmp_path: Path
) -> None:
    name, orders, says, unlock, lock = DEVICES[preset]
    with wire.client() as client:
        device = Device(client, orders, says)
        one = relay(settings(tmp_path, wire.port, relay="mqtt", lock_preset=preset, lock_device=name))
        one.setup()
        one.energise()
        one.de_energise()
        one.energise()
        one.close()
        assert device.has_heard(lock, unlock, lock, unlock, lock)


@pytest.mark.parametrize(("preset", "holds", "lets_go"), [("tasmota", "ON", "OFF"), ("shelly", "true", "false")])
def test_a_magnet_on_a_switch_of_this_make_is_locked_while_the_switch_is_on(
    preset: str, holds: str, lets_go: str, wire: Wire, tmp_path: Path
) -> None:
    name, orders, says, on, off = DEVICES[preset]
    words = {"lock_unlock": off, "lock_lock": on, "lock_unlocked": lets_go, "lock_locked": holds}
    with wire.client() as client:
        device = Device(client, orders, says)
        one = relay(settings(tmp_path, wire.port, relay="mqtt", lock_preset=preset, lock_device=name, **words))
        one.setup()
        one.energise()
        one.close()
        assert device.has_heard(on, off, on)


BARE = {"lock_topic": "garage/door", "lock_unlock": "UNLOCK", "lock_lock": "LOCK", "relay": "mqtt"}


def test_a_lock_that_takes_a_bare_word_and_says_nothing_needs_its_topic_and_words_alone(
    wire: Wire, tmp_path: Path
) -> None:
    with wire.client() as client:
        device = Device(client, "garage/door", lambda _: [])
        one = relay(settings(tmp_path, wire.port, **BARE))
        one.setup()
        one.energise()
        one.close()
        assert device.has_heard("LOCK", "UNLOCK", "LOCK")


def test_a_lock_that_does_not_confirm_is_a_failure_and_is_told_to_lock_again(wire: Wire, tmp_path: Path) -> None:
    with wire.client() as client:
        device = Device(client, "cmnd/front/POWER", lambda _: [("stat/front/POWER", "OFF")])
        one = relay(
            settings(
                tmp_path, wire.port, relay="mqtt", lock_preset="tasmota", lock_device="front", lock_timeout_seconds=0.5
            )
        )
        one.setup()
        with pytest.raises(RelayError, match=r"stat/front/POWER: the lock has not said ON within 0\.5 s"):
            one.energise()
        one.setup()
        one.close()
        assert device.has_heard("OFF", "ON", "OFF", "OFF")


def test_an_order_to_unlock_that_the_broker_never_took_is_not_carried_out_when_it_is_back(
    wire: Wire, tmp_path: Path
) -> None:
    one = relay(settings(tmp_path, wire.port, **BARE, lock_timeout_seconds=1.0))
    one.setup()
    wire.stop()
    with pytest.raises(RelayError, match=r"cannot be reached|has not taken"):
        one.energise()
    with pytest.raises(RelayError, match="cannot be reached"):
        one.setup()
    wire.start()
    with wire.client() as client:
        device = Device(client, "garage/door", lambda _: [])
        one.setup()
        one.close()
        assert device.has_heard("LOCK", "LOCK")


def test_an_order_to_unlock_after_a_restart_of_the_broker_is_carried_out_at_once(wire: Wire, tmp_path: Path) -> None:
    one = relay(settings(tmp_path, wire.port, **BARE))
    one.setup()
    wire.stop()
    wire.start()
    with wire.client() as client:
        device = Device(client, "garage/door", lambda _: [])
        one.energise()
        one.close()
        assert device.has_heard("LOCK", "UNLOCK", "LOCK")


async def test_a_lock_that_takes_its_time_is_waited_for_and_its_pulse_begins_when_it_is_open(
    wire: Wire, tmp_path: Path
) -> None:
    def slowly(order: str) -> list[tuple[str, str]]:
        time.sleep(2.5)  # a motor
        return nuki(order)

    with wire.client() as client:
        device = Device(client, "nukihub/lock/action", slowly)
        chosen = settings(
            tmp_path,
            wire.port,
            relay="mqtt",
            lock_preset="nuki_hub",
            lock_device="nukihub/lock",
            lock_timeout_seconds=6,
        )
        async with guarded_as(chosen_relay(chosen), lock_secret(chosen)) as one:
            await one.guarded.hold(1.0)
            assert one.reports[-1].energised
            assert device.has_heard("lock", "unlock")
            await one.until(lambda: not one.reports[-1].energised)
            assert device.has_heard("lock", "unlock", "lock")


@pytest.mark.parametrize(
    ("own", "sentence"),
    [
        ({"relay": "mqtt"}, "DOORBUS_ACTUATOR__LOCK_TOPIC is empty"),
        ({**BARE, "lock_lock": None}, "DOORBUS_ACTUATOR__LOCK_LOCK is empty"),
        ({**BARE, "lock_state_topic": "garage/state"}, "DOORBUS_ACTUATOR__LOCK_UNLOCKED is empty"),
        (
            {**BARE, "lock_state_topic": "garage/state", "lock_unlocked": "on,ON", "lock_locked": "OFF,ON"},
            "DOORBUS_ACTUATOR__LOCK_LOCKED: ON stands in LOCK_UNLOCKED, too",
        ),
        ({"relay": "mqtt", "lock_preset": "tasmota"}, "DOORBUS_ACTUATOR__LOCK_DEVICE is empty"),
        ({"relay": "http"}, "DOORBUS_ACTUATOR__LOCK_URL is empty"),
    ],
)
def test_settings_that_do_not_say_all_of_a_lock_are_one_sentence(
    own: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(SetupError, match=sentence):
        chosen_relay(settings(tmp_path, **own))


# HTTP.


class Api:
    """A door's API: answers each POST with the next of `answers`, and the last of them from then on."""

    def __init__(self, *answers: int) -> None:
        self.calls: list[tuple[str, str, str | None]] = []
        left = list(answers)

        class Handler(BaseHTTPRequestHandler):
            def do_POST(inner) -> None:  # noqa: N805  # the library's; this one is `self`
                body = inner.rfile.read(int(inner.headers.get("Content-Length") or 0)).decode()
                self.calls.append((inner.path, body, inner.headers.get("Authorization")))
                status = left.pop(0) if len(left) > 1 else left[0]
                inner.send_response(status)
                inner.send_header("Location", "/elsewhere")
                inner.end_headers()

            do_GET = do_POST  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def test_a_lock_that_locks_itself_gets_one_call_with_the_token(tmp_path: Path) -> None:
    with Api(204) as api:
        own: dict[str, Any] = {"lock_url": f"{api.url}/open", "lock_unlock": '{"open": true}', "lock_secret": "s3cret"}
        one = relay(settings(tmp_path, relay="http", **own))
        one.setup()
        one.energise()
        one.close()
    assert api.calls == [("/open", '{"open": true}', "Bearer s3cret")]


def test_a_lock_with_two_calls_is_locked_first_and_last(tmp_path: Path) -> None:
    with Api(200) as api:
        own: dict[str, Any] = {"lock_url": f"{api.url}/open", "lock_lock_url": f"{api.url}/shut"}
        one = relay(settings(tmp_path, relay="http", **own))
        one.setup()
        one.energise()
        one.close()
    assert [path for path, _, _ in api.calls] == ["/shut", "/open", "/shut"]


@pytest.mark.parametrize(
    ("answers", "calls", "opened"),
    [((503, 200), 2, True), ((503, 503, 200), 2, False), ((403,), 1, False), ((302,), 1, False), ((404,), 1, False)],
)
def test_only_2xx_is_open_and_tries_are_bounded(
    answers: tuple[int, ...], calls: int, tmp_path: Path, *, opened: bool
) -> None:
    with Api(*answers) as api:
        one = relay(settings(tmp_path, relay="http", lock_url=f"{api.url}/open", lock_retries=1))
        one.setup()
        if opened:
            one.energise()
        else:
            with pytest.raises(RelayError, match="the lock answered"):
                one.energise()
    assert len(api.calls) == calls


def test_a_lock_that_is_not_there_is_a_failure(tmp_path: Path) -> None:
    one = relay(settings(tmp_path, relay="http", lock_url=f"http://127.0.0.1:{free_port()}/open"))
    one.setup()
    with pytest.raises(RelayError, match="no answer of the lock"):
        one.energise()


def test_a_token_is_not_among_the_words_that_everybody_on_the_machine_sees(tmp_path: Path) -> None:
    chosen = settings(tmp_path, relay="http", lock_url="http://127.0.0.1/open", lock_secret="s3cret")

    assert "s3cret" not in json.dumps(chosen_relay(chosen))
    assert lock_secret(chosen) == "s3cret"
