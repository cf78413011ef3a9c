"""`python -m doorbus.local prepare` writes the broker's files; `... broker` does so and becomes the broker."""

import sys

from doorbus.local.prepare import LocalError, become_broker, prepare
from doorbus.runtime.errors import SetupError, ended
from doorbus.runtime.settings import CommonSettings, load


def main(arguments: list[str]) -> int:
    """`python -m doorbus.local prepare` and `broker`; raises `SetupError`."""
    if arguments[:1] not in (["prepare"], ["broker"]):
        raise SetupError("usage: python -m doorbus.local prepare|broker [--broker.port PORT]")
    settings = load(CommonSettings, arguments[1:])
    try:
        if arguments[0] == "broker":
            become_broker(settings)
        prepare(settings.var, settings.broker.port, topics=settings.topics)
    except LocalError as error:
        raise SetupError(str(error)) from None
    return 0


if __name__ == "__main__":
    sys.exit(ended(lambda: main(sys.argv[1:])))
