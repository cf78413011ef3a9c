"""Sites that the tests share: obama is enrolled, no camera; each test leaves its site well."""

from collections.abc import AsyncIterator

import pytest

from doorbus.site.secrets import Site
from support.clone import Clone, cloned
from support.compose import Project
from support.door import doorstep


@pytest.fixture(scope="session")
async def project(tmp_path_factory: pytest.TempPathFactory, jpeg: dict[str, bytes]) -> AsyncIterator[Project]:
    """All services, healthy; obama is enrolled; no camera."""
    one = Project(tmp_path_factory.mktemp("site"))
    Site(one.secrets).make()
    try:
        await one.compose("build")
        await one.up()
        async with doorstep(one) as door:
            result = await door.enrol("obama", jpeg["obama"])
            assert result.error is None
        yield one
    finally:
        await one.down()


@pytest.fixture(scope="module")
async def office(tmp_path_factory: pytest.TempPathFactory, jpeg: dict[str, bytes]) -> AsyncIterator[Clone]:
    """A site that `make up` brought up, where obama is enrolled; each test leaves it well."""
    async with cloned(tmp_path_factory.mktemp("office")) as one:
        await one.well("scripts/up")
        async with doorstep(one) as door:
            assert (await door.enrol("obama", jpeg["obama"])).error is None
        yield one


@pytest.fixture
async def site(project: Project, jpeg: dict[str, bytes]) -> Project:
    """The project, well whatever the test before did to it: the door opens for the right face."""
    await project.settled()
    async with doorstep(project) as door:
        await door.opens_for(jpeg["obama2"], within=30)
    return project
