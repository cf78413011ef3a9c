"""`doorbus metrics` beside a real broker and a real recognizer."""

import asyncio
import os
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from doorbus.cli.exposition import UNTOLD
from doorbus.local.stack import Process, Stack, free_port
from doorbus.wire.channels import Role


def _ask(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310  # our own, on the loopback
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except urllib.error.URLError:  # it does not listen yet
        return 0, ""


async def _until(url: str, holds: Callable[[int, str], bool]) -> str:
    """Scrape again and again until the answer is right."""
    async with asyncio.timeout(30):
        while True:
            status, text = await asyncio.to_thread(_ask, url)
            if holds(status, text):
                return text
            await asyncio.sleep(0.2)


@asynccontextmanager
async def _exporter(stack: Stack) -> AsyncIterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "doorbus.cli", "metrics", "--as", "viewer", "--listen", f"127.0.0.1:{port}"]
    environment = os.environ | {
        "DOORBUS_VAR": str(stack.var),
        "DOORBUS_BROKER__PORT": str(stack.broker.port),
    }
    process = await Process.start("metrics", command, stack.var / "logs", environment)
    yield f"http://127.0.0.1:{port}/metrics"
    assert await process.stop() == 0, process.log()


async def test_what_an_autoscaler_goes_by_is_served_while_there_is_a_broker(fresh_stack: Stack) -> None:
    await fresh_stack.broker.start()
    await fresh_stack.start(Role.RECOGNIZER, {}, instance="one")

    async with _exporter(fresh_stack) as url:
        text = await _until(url, lambda _, text: "doorbus_recognizers_busy 0.0" in text)
        assert 'doorbus_instance_up{instance="one",service="recognizer"} 1.0' in text
        assert 'doorbus_instance_problem{instance="one",service="recognizer"} 1.0' in text  # there is no gallery

        await fresh_stack.broker.stop()
        await _until(url, lambda status, _: status == 503)

        await fresh_stack.broker.start()
        await _until(url, lambda _, text: "doorbus_recognizers_busy 0.0" in text)

        await fresh_stack.stop_service("one")
        text = await _until(url, lambda _, text: "doorbus_recognizers_busy" not in text)
        assert 'doorbus_instance_up{instance="one",service="recognizer"} 0.0' in text


async def test_the_page_says_of_every_figure_of_every_service_what_it_means(fresh_stack: Stack) -> None:
    await fresh_stack.start_all()
    await fresh_stack.start(Role.RECORDER, {"DOORBUS_RECORDER__REVIEW": "unknown"})
    await fresh_stack.start(Role.CONSOLE, {"DOORBUS_CONSOLE__PORT": str(free_port())})
    of_each = ("frames_sent", "faces", "denied", "samples", "review_entries", "following")

    async with _exporter(fresh_stack) as url:
        text = await _until(url, lambda _, text: all(f"doorbus_{figure}{{" in text for figure in of_each))

    assert "# HELP doorbus_frames_sent Pictures sent." in text
    assert [line for line in text.splitlines() if line.endswith(UNTOLD)] == []
