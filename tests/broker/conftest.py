"""A broker over TLS that the tests of this directory share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.tls import TlsSite


@pytest.fixture(scope="session")
async def tls_site(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> AsyncIterator[TlsSite]:
    """Running, for tests that change nothing in it."""
    one = TlsSite(tmp_path_factory.mktemp("tls"), repository)
    await one.start()
    yield one
    await one.stop()
