"""Frame published to relay energised, for one vote, at 10 frames a second, with the time of each stage.

Both ends read the same monotonic clock: the publisher before it hands the frame to the socket, the simulated relay when
it switches. Pulse and cooldown are shorter than the time between frames, so that each of them may open the door. One
that comes so soon after another that the relay is energised still, as on a busy machine, prolongs that pulse: it
switches nothing, and is counted apart.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.progress import track

from common import VAR, console, enrol, keep, run, sample, shots, show, spread, start
from doorbus.local.stack import stack
from doorbus.runtime.client import connect
from doorbus.wire import channels, messages
from doorbus.wire.channels import Role
from doorbus.wire.exchange import Outbound
from floors import floors

ACTUATOR = {
    "DOORBUS_ACTUATOR__VOTES": "1/1",
    "DOORBUS_ACTUATOR__UNLOCK_SECONDS": "0.02",
    "DOORBUS_ACTUATOR__COOLDOWN_SECONDS": "0.02",
    "DOORBUS_ACTUATOR__OUT_OF_VIEW_SECONDS": "0",
}
WARM_UP = 10


async def measure(given: argparse.Namespace, var: Path) -> None:
    """Send frames and print what came of them."""
    frames, fps = given.frames, given.fps
    pictures = shots("obama2", frames + WARM_UP)
    sent: dict[str, float] = {}
    granted: list[messages.Decision] = []
    stages: dict[str, dict[str, float]] = {}
    async with stack(var, VAR) as one:
        await start(one, ACTUATOR)
        heard = (channels.RESULT, channels.DECISION, channels.RECOGNITION)
        async with connect(one.broker.transport(Role.OPERATOR), heard) as client:
            await enrol(client, "obama", sample("obama.jpg"))

            async def listen() -> None:
                async for event in client.events():
                    if isinstance(event.message, messages.Recognition):
                        stages[event.message.frame_id] = dict(event.message.timings_ms)
                    elif isinstance(event.message, messages.Decision):
                        if event.message.outcome is messages.Outcome.GRANTED:
                            granted.append(event.message)
                        elif event.message.reason is not messages.Reason.COOLDOWN:
                            console.print(f"denied: {event.message.reason}")

            listening = asyncio.create_task(listen())
            async with connect(one.broker.transport(Role.CAPTURE)) as camera:
                for number, jpeg in enumerate(track(pictures, "frames", console=console, transient=True)):
                    frame = messages.Frame(
                        jpeg=jpeg, frame_id=f"bench-{number}", captured_at=datetime.now(UTC), seq=number
                    )
                    sent[frame.frame_id] = time.monotonic()
                    await camera.send(Outbound(channels.FRAME, frame, {"door": "front", "camera": "porch"}))
                    await asyncio.sleep(max(0.0, sent[frame.frame_id] + 1 / fps - time.monotonic()))
            await asyncio.sleep(0.5)
            listening.cancel()
        relay = [json.loads(line) for line in (one.var / "relay.jsonl").read_text().splitlines()]
    energised = {datetime.fromisoformat(line["at"]): line["monotonic"] for line in relay if line["energised"]}
    opened = {frame_id: energised[at] for frame_id, at in switched(granted, sorted(energised)) if frame_id in sent}
    total = {frame_id: (at - sent[frame_id]) * 1000 for frame_id, at in list(opened.items())[WARM_UP:]}
    if len(total) < 2:
        raise SystemExit(f"the relay was energised by {len(opened)} frames, of which {WARM_UP} are to warm up")
    found_open = len(granted) - len(opened)
    names = list(stages[next(iter(total))])
    rows = {"publish to relay": spread(list(total.values()))}
    rows |= {name: spread([stages[frame_id][name] for frame_id in total]) for name in names if name != "total"}
    inside = {frame_id: sum(ms for name, ms in stages[frame_id].items() if name != "total") for frame_id in total}
    rows["bus, queues and policy"] = spread([total[frame_id] - inside[frame_id] for frame_id in total])
    show(
        f"{len(total)} of {frames} frames opened the door ({len(pictures[0]) // 1000} kB, {fps:g} a second, one vote), "
        f"{found_open} found it open",
        rows,
        "ms",
    )
    bare = floors(VAR / "weights")
    compared = {
        name: {"median": rows[name]["median"], "bare model": floor, "ratio": rows[name]["median"] / floor}
        for name, floor in bare.items()
    }
    # Liveness is judged beside mesh and embedding: it is no floor of its own as long as they take longer.
    one_by_one = sum(floor for name, floor in bare.items() if name != "liveness")
    whole = rows["publish to relay"]["median"]
    compared["publish to relay"] = {"median": whole, "bare model": one_by_one, "ratio": whole / one_by_one}
    show("each stage over its model alone, back to back (liveness: what is waited for)", compared, "")
    kept = {
        "frames": frames,
        "opened": len(total),
        "found_open": found_open,
        "fps": fps,
        "bytes": len(pictures[0]),
        "milliseconds": rows,
    }
    keep("latency", {**kept, "floors": bare})


def switched(granted: Sequence[messages.Decision], energised: Sequence[datetime]) -> Iterator[tuple[str, datetime]]:
    """The frame of each grant that energised the relay, and when it did: before the next grant was decided."""
    decided = sorted(granted, key=lambda decision: decision.at)
    for decision, after in zip(
        decided, [one.at for one in decided[1:]] + [datetime.max.replace(tzinfo=UTC)], strict=True
    ):
        at = next((at for at in energised if decision.at <= at < after), None)
        if at is not None:
            yield decision.frame_ids[-1], at


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--fps", type=float, default=10.0)
    run(parser, measure)


if __name__ == "__main__":
    main()
