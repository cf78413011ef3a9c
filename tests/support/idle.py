"""`python tests/support/idle.py`: the process of a service that does nothing, for tests of how processes end."""

import sys

from doorbus.runtime.process import run
from doorbus.runtime.service import Service
from doorbus.runtime.settings import ServiceSettings
from doorbus.wire.channels import Role


class Idle(Service):
    """A camera's service without a camera."""

    role = Role.CAPTURE


if __name__ == "__main__":
    sys.exit(run(ServiceSettings, lambda _: Idle()))
