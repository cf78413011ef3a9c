"""One compose project that the tests share: obama is enrolled, no camera; each test leaves it well."""

from collections.abc import AsyncIterator

import pytest

from doorbus.site.secrets import Site
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


@pytest.fixture
async def site(project: Project, jpeg: dict[str, bytes]) -> Project:
    """The project, well whatever the test before did to it: the door opens for the right face."""
    await project.settled()
    async with doorstep(project) as door:
        await door.opens_for(jpeg["obama2"], within=30)
    return project
