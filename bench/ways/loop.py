"""The loop of a peer: the path of a picture comes in on a line, and who is on it goes out. Needs nothing but Python."""

import json
import sys
import time
from collections.abc import Callable


def serve(recognise: Callable[[str], str | None]) -> None:
    """Answer each path with the milliseconds that it took, those of the processor, and the name.

    The first line, before any question, says that the models are loaded.
    """
    answers = sys.stdout
    sys.stdout = sys.stderr  # libraries talk
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for line in sys.stdin:
        began, worked = time.perf_counter(), time.process_time()
        who = recognise(line.strip())
        took, work = time.perf_counter() - began, time.process_time() - worked
        answer = {"ms": took * 1000, "processor_ms": work * 1000, "who": who}
        print(json.dumps(answer), file=answers, flush=True)
