"""A Google Cloud Storage of this process, for what speaks its protocol by itself."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from kit.debian_programs import free_port

os.environ["GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT"] = "false"  # read when gcsfs is imported: no question by gRPC


@contextmanager
def google_store() -> Iterator[str]:
    """An emulator of Google Cloud Storage with a bucket, whose name it gives; the environment leads to it."""
    pytest.importorskip("gcsfs", reason="gcsfs is not installed, so the product speaks no Google Cloud Storage")
    server = pytest.importorskip("gcp_storage_emulator.server", reason="gcp-storage-emulator is not installed")
    import fsspec
    import gcsfs

    port = free_port()
    emulator = server.create_server("127.0.0.1", port, in_memory=True, default_bucket="raw-bucket")
    emulator.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(fsspec.config.conf, "gs", {"token": "anon"})  # else it asks the machine's own identity
        patch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{port}")
        gcsfs.GCSFileSystem.clear_instance_cache()
        try:
            yield "raw-bucket"
        finally:
            gcsfs.GCSFileSystem.clear_instance_cache()
            emulator.stop()
