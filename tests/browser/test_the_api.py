"""The HTTP API, fuzzed from its own description against a whole running system."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from doorbus.local.stack import Process
from support.browser import Site, a_site

pytestmark = pytest.mark.timeout(300)
ENDLESS = "/stream"
SECONDS = 60
WORDS_OF_PEOPLE = "positive_data_acceptance"
"""Opening hours, pictures and keys that were used are text to a schema; what they say may be refused."""
CONFIGURATION = """\
[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", 503, 504]
"""
"""Another service that does not answer while it is flooded is said to be away, which is no failure of the API."""


@pytest.fixture(scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> AsyncIterator[Site]:
    """A system of its own, which is left in lockdown or with people whom nobody knows."""
    async with a_site(tmp_path_factory.mktemp("fuzzed"), repository) as one:
        yield one


@pytest.fixture(scope="module")
async def token(site: Site) -> str:
    """A token with every scope, made as an owner makes it."""
    return await site.token("fuzz", "read", "unlock", "recognise", "people")


async def test_no_call_makes_the_api_fail_or_answer_as_it_is_not_described(
    site: Site, token: str, tmp_path: Path
) -> None:
    # A process of its own: its plugin and its client are no part of our event loop.
    arguments = [
        *(f"{site.address}/api/v1/openapi.json", "--header", f"Authorization: Bearer {token}", "--seed", "1"),
        *("--exclude-path-regex", ENDLESS, "--max-time", str(SECONDS), "--request-timeout", "30"),
        *("--max-response-time", "30"),  # a picture is answered when a recognizer comes to it
        *("--phases", "examples,coverage,fuzzing", "--checks", "all", "--exclude-checks", WORDS_OF_PEOPLE),
    ]
    (tmp_path / "schemathesis.toml").write_text(CONFIGURATION)
    program = Path(sys.executable).with_name("schemathesis")
    process = await Process.start("schemathesis", [str(program), "run", *arguments], tmp_path, cwd=tmp_path)
    try:
        status = await process.ended()
    finally:
        await process.stop()

    assert status == 0, process.log()
    assert " passed" in process.log()


async def test_what_never_ends_is_described_and_asks_for_a_token(site: Site, token: str) -> None:
    async with httpx.AsyncClient(base_url=site.address, timeout=30) as client:
        document = (await client.get("/api/v1/openapi.json")).json()
        endless = [path for path in document["paths"] if ENDLESS in path]
        refused = [await client.get(path.format(door="front", camera="porch")) for path in endless]

    assert len(endless) == 2
    assert {one.status_code for one in refused} == {401}
    assert all(document["paths"][path]["get"]["security"] for path in endless)
