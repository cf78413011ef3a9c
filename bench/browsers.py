"""Many browsers on one console, each on a live picture and on the news of the pages; a process of its own.

They are on machines of their own where people have them: here they leave the processor to whoever else wants it.

Says "ready" when all are answered, and at the end, on SIGTERM, what they got as JSON: pictures and events in all, and
how many seconds that took.
"""

import argparse
import asyncio
import json
import os
import signal
import time
from collections import Counter

PATHS = {"/doors/front/porch/live.mjpg": (b"--doorbus-frame", "pictures"), "/live": (b"event: ", "events")}


async def browse(address: str, cookie: str, path: str, got: Counter[str], answered: asyncio.Semaphore) -> None:
    """Read one stream until cancelled."""
    host, _, port = address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {address}\r\nCookie: {cookie}\r\n\r\n".encode())
    mark, name = PATHS[path]
    try:
        status = await reader.readline()
        if b" 200 " not in status:
            raise SystemExit(f"{path}: {status!r}")
        answered.release()
        while piece := await reader.read(1 << 18):
            got[name] += piece.count(mark)
    finally:
        writer.close()


async def run(given: argparse.Namespace) -> None:
    """Play the browsers."""
    os.nice(19)
    got: Counter[str] = Counter()
    answered, ended = asyncio.Semaphore(0), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with asyncio.TaskGroup() as group:
        streams = [
            group.create_task(browse(given.address, given.cookie, path, got, answered))
            for _ in range(given.browsers)
            for path in PATHS
        ]
        for _ in streams:
            await answered.acquire()
        begun, before = time.monotonic(), Counter(got)
        print("ready", flush=True)
        await ended.wait()
        told = {"seconds": time.monotonic() - begun, **(got - before)}
        for stream in streams:
            stream.cancel()
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("cookie")
    parser.add_argument("--browsers", type=int, default=50)
    asyncio.run(run(parser.parse_args()))
