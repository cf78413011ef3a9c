"""`python -m doorbus_enroller`: the people of a site as a process."""

import sys

from doorbus.runtime.clock import SystemClock
from doorbus.runtime.keys import open_keys
from doorbus.runtime.process import run
from doorbus.runtime.site_key import open_seal
from doorbus.wire.channels import Role
from doorbus_enroller.service import EnrollerService
from doorbus_enroller.settings import EnrollerSettings
from doorbus_enroller.sqlite_store import SqliteStore


def build(settings: EnrollerSettings) -> EnrollerService:
    """The service, its store not yet opened."""
    store, seal, keys = SqliteStore(settings.database), open_seal(settings), open_keys(settings, Role.ENROLLER)
    return EnrollerService(settings, store, seal, keys, SystemClock())


def main() -> int:
    """Run until told to stop; the exit status."""
    return run(EnrollerSettings, build)


if __name__ == "__main__":
    sys.exit(main())
