"""What the demo leaves behind, until its connections are disconnected."""

from pathlib import Path

import pytest

from usage_ledger.local import demo


def test_the_sandbox_is_wanted_while_a_connection_of_the_demo_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USAGE_LEDGER_CONNECTIONS", str(tmp_path))
    (tmp_path / "acme.yaml").touch()
    assert not demo.is_left()
    (tmp_path / "openai_demo.yaml").touch()
    assert demo.is_left()
