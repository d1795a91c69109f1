"""Which releases of Airflow the package works with, and what the older of them lack."""

import re
from importlib.metadata import PackageNotFoundError, version

from usage_ledger.core.errors import ConfigError

FIRST, NEXT_MAJOR = (3, 2), (4, 0)
"""The oldest release, and the first that is too new: as in `pyproject.toml`."""
WITH_RETRY_POLICY = (3, 3)
"""The first release in which a task's error may decide whether and when it is tried again."""
ALLOWED = "3.2 or newer, but older than 4"


def installed_airflow() -> str:
    """The version of Airflow in this environment; '' without one."""
    try:
        return version("apache-airflow-core")
    except PackageNotFoundError:
        return ""


def require_airflow_version() -> str:
    """The version of Airflow here. Raises `ConfigError` where there is none, or one that is too old or too new."""
    release = installed_airflow()
    if not release:
        raise ConfigError("Airflow 3 is not installed here", next_step=f"install apache-airflow {ALLOWED}")
    if not FIRST <= parts_of(release) < NEXT_MAJOR:
        raise ConfigError(
            f"usage-ledger does not work with Airflow {release}", next_step=f"install apache-airflow {ALLOWED}"
        )
    return release


def has_retry_policy() -> bool:
    """Whether Airflow asks a policy of ours after an error; else the error's class decides alone."""
    return parts_of(installed_airflow()) >= WITH_RETRY_POLICY


def parts_of(text: str) -> tuple[int, int]:
    """Major and minor of a version, whatever follows; (0, 0) for a text that is none."""
    numbers = re.match(r"(\d+)\.(\d+)", text)
    return (int(numbers[1]), int(numbers[2])) if numbers else (0, 0)
