"""doorbus, liveness included, beside others that recognise faces: the same frames, one after the other, in one go.

Each runs in a process of its own, as its documents have it, with one person enrolled, and is asked about one frame at a
time in turn with the others, so that what else the machine does meets all alike. `--install` puts the others into
`var/bench/peers`: a Python environment (5 GB, most of it PyTorch) and Node's packages. One that cannot be had is named,
and left out.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.progress import track

from common import VAR, console, keep, run, sample, shots, show, spread

PEERS = VAR / "bench" / "peers"
WAYS = Path(__file__).parent / "ways"
PYTHON = PEERS / "venv" / "bin" / "python"
NODE = PEERS / "node"
PACKAGES = ("facenet-pytorch==2.6.0", "numpy<2", "dlib-bin==20.0.1.post1", "setuptools<81", "click")
ALONE = ("face_recognition==1.3.0", "face-recognition-models==0.3.0")
"""Without what they ask for: dlib's source, which takes minutes to build."""
NODE_PACKAGES = (
    "@vladmandic/face-api@1.7.15",
    "@tensorflow/tfjs@4.22.0",
    "@tensorflow/tfjs-backend-wasm@4.22.0",
    "sharp@0.35.5",
)
WARM_UP = 3
PATIENT = {"OMP_WAIT_POLICY": "PASSIVE"}
"""Threads that spin while they wait make PyTorch ten times as slow where other work keeps the cores busy."""
OURS = "doorbus"


@dataclass
class Peer:
    """One way to recognise faces."""

    command: list[str]
    needs: Path
    """Without this it cannot run."""
    cwd: Path = WAYS.parent
    environment: dict[str, str] = field(default_factory=dict)
    milliseconds: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    named: int = 0


def peers(home: Path) -> dict[str, Peer]:
    """All of them; `home` has the directory `people` with the picture that is enrolled."""
    enrolled = str(home / "people" / "enrolled.jpg")
    weights = VAR / "weights"
    deepface = {"DEEPFACE_HOME": str(weights), "DEEPFACE_BACKEND_ENGINE": "onnx"}
    dlib = weights / ".deepface" / "weights" / "dlib_face_recognition_resnet_model_v1.dat"
    ours = [sys.executable, "-m"]
    return {
        OURS: Peer([*ours, "ways.doorbus_way", str(weights), enrolled], weights),
        "face_recognition (dlib: HOG, ResNet)": Peer(
            [str(PYTHON), "-m", "ways.face_recognition_way", enrolled], PYTHON
        ),
        "DeepFace.find (OpenCV's Haar, Dlib)": Peer(
            [*ours, "ways.deepface_way", "Dlib", "opencv", str(home / "people")], dlib, environment=deepface
        ),
        "facenet-pytorch (MTCNN, InceptionResnetV1 untrained)": Peer(
            [str(PYTHON), "-m", "ways.facenet_way", enrolled], PYTHON
        ),
        "face-api.js (Node, WebAssembly)": Peer(
            ["node", str(WAYS / "face_api.js"), enrolled], NODE / "node_modules", NODE
        ),
    }


def install() -> None:
    """Put the others into `PEERS`; what fails is said, and goes missing alone."""
    NODE.mkdir(parents=True, exist_ok=True)
    (NODE / "package.json").write_text('{"private": true}\n')
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet"]
    for command, where in (
        ([sys.executable, "-m", "venv", str(PEERS / "venv")], PEERS),
        ([*pip, *PACKAGES], PEERS),
        ([*pip, "--no-deps", *ALONE], PEERS),
        (["npm", "install", "--silent", "--no-audit", "--no-fund", *NODE_PACKAGES], NODE),
    ):
        console.print(" ".join(command[:4]), "...")
        if subprocess.run(command, cwd=where, check=False).returncode:
            console.print(f"failed: {' '.join(command)}")


class Asked:
    """A peer at work."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, peer: Peer) -> "Asked":
        """Start it and wait until its models are loaded."""
        path = os.pathsep.join(filter(None, (str(WAYS.parent), os.environ.get("PYTHONPATH"))))
        process = await asyncio.create_subprocess_exec(
            *peer.command,
            cwd=peer.cwd,
            env={**os.environ, **PATIENT, **peer.environment, "PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        asked = cls(process)
        await asked._answer()
        return asked

    async def about(self, path: Path) -> dict[str, Any]:
        """What it says of a picture."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{path}\n".encode())
        return await self._answer()

    async def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = b" "
        async with asyncio.timeout(300):
            while line and not line.startswith(b"{"):  # libraries talk
                line = await self._process.stdout.readline()
        if not line:
            raise EOFError(f"ended with status {await self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    async def stop(self) -> None:
        """Let it end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()


async def measure(given: argparse.Namespace, home: Path) -> None:
    """Ask all of them, print and keep what came of it."""
    if given.install:
        install()
    (home / "people").mkdir()
    (home / "people" / "enrolled.jpg").write_bytes(sample("obama.jpg"))
    frames = []
    for number, jpeg in enumerate(shots("obama2", given.frames + WARM_UP)):
        frames.append(home / f"{number}.jpg")
        frames[-1].write_bytes(jpeg)
    every = peers(home)
    asked: dict[str, Asked] = {}
    for name, peer in every.items():
        try:
            if not peer.needs.exists():
                raise FileNotFoundError(f"{peer.needs} is not there; `--install` or `make setup` brings it")
            asked[name] = await Asked.start(peer)
        except (OSError, EOFError, TimeoutError) as error:
            console.print(f"{name} cannot be had: {error}")
    for number, frame in enumerate(track(frames, "frames", console=console, transient=True)):
        for name, one in asked.items():
            answer = await one.about(frame)
            if number >= WARM_UP:
                every[name].milliseconds.append(answer["ms"])
                every[name].processor.append(answer["processor_ms"])
                every[name].named += answer["who"] is not None
    for one in asked.values():
        await one.stop()
    _tell(given, {name: every[name] for name in asked}, sorted(set(every) - set(asked)))


def _tell(given: argparse.Namespace, measured: dict[str, Peer], missing: list[str]) -> None:
    rows = {name: _row(peer) for name, peer in measured.items()}
    for row in rows.values():
        row |= {
            "ratio": row["median ms"] / rows[OURS]["median ms"],
            "of processor": row["cpu ms"] / rows[OURS]["cpu ms"],
        }
    load = os.getloadavg()[0]
    show(f"{given.frames} frames of 640x480 with one face, in turn; load average at the end {load:.1f}", rows, "")
    keep("peers", {"frames": given.frames, "load_average": load, "peers": rows, "missing": missing})


def _row(peer: Peer) -> dict[str, float]:
    times = spread(peer.milliseconds)
    return {
        "frames a second": 1000 * len(peer.milliseconds) / sum(peer.milliseconds),
        "median ms": times["median"],
        "p99 ms": times["p99"],
        "cpu ms": spread(peer.processor)["median"],
        "named": peer.named,
    }


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--install", action="store_true", help="fetch the others first")
    run(parser, measure)


if __name__ == "__main__":
    main()
