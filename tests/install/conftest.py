"""One bare environment with the wheel for all tests of installing."""

from pathlib import Path

import pytest
from kit.wheel import environment_with_wheel


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that holds the wheel, and no checkout."""
    return environment_with_wheel(tmp_path_factory.mktemp("wheel"))
