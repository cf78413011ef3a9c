"""What `doorbus metrics` makes of health."""

import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from doorbus.cli.app import app
from doorbus.cli.exposition import serving
from doorbus.cli.instances import SILENT_SECONDS, Instances
from doorbus.wire.messages import Health, Presence

AT = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


def health(instance: str = "r1", *, service: str = "recognizer", at: datetime = AT, **more: object) -> Health:
    return Health.model_validate(
        {"state": Presence.ONLINE, "service": service, "instance": instance, "version": "1", "at": at, "started_at": AT}
        | more
    )


def test_the_work_of_all_recognizers_that_are_up_is_added() -> None:
    instances = Instances()
    for one in (
        health("r1", figures={"busy": 0.5}),
        health("r2", figures={"busy": 0.75}),
        health("dead", figures={"busy": 1.0}, state=Presence.OFFLINE),
        health("porch", service="capture", figures={"busy": 1.0}),
    ):
        instances = instances.hear(one, AT, now=100.0)

    assert instances.recognizers_busy(now=100.0) == 1.25


def test_without_a_recognizer_nothing_is_said_of_their_work() -> None:
    dead = Instances().hear(health(state=Presence.OFFLINE, figures={"busy": 1.0}), AT, now=100.0)

    assert Instances().recognizers_busy(now=100.0) is None
    assert dead.recognizers_busy(now=100.0) is None


def test_an_instance_that_falls_silent_is_not_up_any_more() -> None:
    heard = Instances().hear(health(figures={"busy": 1.0}), AT, now=100.0)

    assert heard.recognizers_busy(now=100.0 + SILENT_SECONDS) == 1.0
    assert heard.recognizers_busy(now=101.0 + SILENT_SECONDS) is None


def test_a_health_that_the_broker_kept_for_long_is_not_taken_for_life() -> None:
    kept = Instances().hear(health(figures={"busy": 1.0}), AT + timedelta(hours=1), now=100.0)

    assert kept.recognizers_busy(now=100.0) is None


def test_an_instance_with_a_clock_of_its_own_is_up_as_soon_as_it_says_something_new() -> None:
    hour = timedelta(hours=1)
    kept = Instances().hear(health(figures={"busy": 1.0}), AT + hour, now=100.0)
    news = kept.hear(health(at=AT + timedelta(seconds=2), figures={"busy": 0.5}), AT + hour, now=102.0)

    assert news.recognizers_busy(now=102.0) == 0.5


def test_the_same_health_twice_is_no_sign_of_life() -> None:
    once = Instances().hear(health(figures={"busy": 1.0}), AT, now=100.0)
    again = once.hear(health(figures={"busy": 1.0}), AT, now=110.0)

    assert again.recognizers_busy(now=116.0) is None


@contextmanager
def page(instances: Instances | None) -> Iterator[str]:
    with serving("127.0.0.1", 0, lambda: instances) as port:
        yield f"http://127.0.0.1:{port}/metrics"


def read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310  # our own, on the loopback
        text: str = answer.read().decode()
    return text


def test_the_page_has_every_figure_with_its_service_and_instance() -> None:
    now_heard = Instances()
    for one in (
        health(figures={"frames": 12, "busy": 0.25}, refused={"frame.stale": 3}, at=datetime.now(UTC)),
        health("gone", state=Presence.OFFLINE, figures={"frames": 99}),
        health("front", service="actuator", problem="the relay does not answer", at=datetime.now(UTC)),
    ):
        now_heard = now_heard.hear(one, one.at, time.monotonic())
    with page(now_heard) as url:
        lines = read(url).splitlines()

    assert {line for line in lines if not line.startswith("#")} == {
        'doorbus_instance_up{instance="r1",service="recognizer"} 1.0',
        'doorbus_instance_up{instance="gone",service="recognizer"} 0.0',
        'doorbus_instance_up{instance="front",service="actuator"} 1.0',
        'doorbus_instance_problem{instance="r1",service="recognizer"} 0.0',
        'doorbus_instance_problem{instance="front",service="actuator"} 1.0',
        'doorbus_refused_total{channel="frame",instance="r1",reason="stale",service="recognizer"} 3.0',
        'doorbus_frames{instance="r1",service="recognizer"} 12.0',
        'doorbus_busy{instance="r1",service="recognizer"} 0.25',
        "doorbus_recognizers_busy 0.25",
    }


def test_a_figure_cannot_pass_for_one_of_ours_or_break_the_page() -> None:
    figures = {
        "recognizers_busy": 1e6,
        "instance_up": 1,
        "refused_total": 1,
        "a b": 1,
        "x\ny 1": 1,
        "Upper": 1,
        "fine": 1,
    }
    with page(Instances().hear(health(figures=figures), AT, time.monotonic())) as url:
        text = read(url)

    assert [line for line in text.splitlines() if not line.startswith("#")] == [
        'doorbus_instance_up{instance="r1",service="recognizer"} 1.0',
        'doorbus_instance_problem{instance="r1",service="recognizer"} 0.0',
        'doorbus_fine{instance="r1",service="recognizer"} 1.0',
        "doorbus_recognizers_busy 0.0",
    ]


def test_without_the_broker_there_is_no_page() -> None:
    with page(None) as url, pytest.raises(urllib.error.HTTPError) as refused:
        read(url)

    assert refused.value.code == 503
    refused.value.close()


def test_an_address_that_is_taken_or_none_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        busy = CliRunner().invoke(app, ["metrics", "--listen", address])
    wrong = CliRunner().invoke(app, ["metrics", "--listen", "nowhere"])

    assert (busy.exit_code, wrong.exit_code) == (2, 2)
    assert f"--listen {address}: Address already in use" in busy.output
    assert "nowhere" in wrong.output
