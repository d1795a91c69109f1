"""Stores of objects, opened with the credentials of an Airflow connection."""

from typing import Any


def store_path(uri: str) -> Any:
    """Airflow's path object, so that a URI may name the connection that holds a cloud's credentials: `s3://id@bucket`.

    Airflow is imported with the first store: most connections have none.
    """
    from airflow.sdk import ObjectStoragePath

    return ObjectStoragePath(uri)
