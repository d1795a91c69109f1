"""A connection's file is understood wholly, or refused with its name, the key, and what is allowed."""

from datetime import date, time
from pathlib import Path

import pytest

from usage_ledger.connections import all_connections, checked_id, connection_files, find_connection, read_connection
from usage_ledger.core.errors import ConfigError
from usage_ledger.providers.fireworks import FIREWORKS

GOOD = {"provider": "fireworks", "account": "acme"}


def written(folder: Path, text: str, name: str = "acme.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def yaml_of(**settings: str) -> str:
    return "".join(f"{key}: {value}\n" for key, value in (GOOD | settings).items())


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    found = read_connection(
        written(
            tmp_path,
            yaml_of(
                timezone="America/Los_Angeles",
                at='"04:30"',
                start_date="2026-01-01",
                lookback_days="5",
                reports="[usage]",
            ),
        )
    )
    assert (found.id, found.account, found.timezone, found.at) == ("acme", "acme", "America/Los_Angeles", time(4, 30))
    assert (found.start_date, found.lookback_days, found.reports) == (date(2026, 1, 1), 5, ("usage",))
    assert [report.name for report in found.chosen_reports] == ["usage", "prices", "api_keys"]
    assert found.zone.key == "America/Los_Angeles"
    assert found.day_zone(FIREWORKS.report("usage")).key == "America/Los_Angeles"
    assert found.day_zone(FIREWORKS.report("cost")).key == "UTC"
    assert found.lookback(FIREWORKS.report("usage")) == 5


@pytest.mark.parametrize(
    ("text", "at"), [("12:30", time(12, 30)), ('"12:30"', time(12, 30)), ("03:00", time(3)), ("23:59", time(23, 59))]
)
def test_a_time_needs_no_quotes(tmp_path: Path, text: str, at: time) -> None:
    """YAML 1.1 reads 12:30 as a number of base 60; other whole numbers are still numbers."""
    found = read_connection(written(tmp_path, yaml_of(at=text, lookback_days="0x5")))
    assert (found.at, found.lookback_days) == (at, 5)


def test_the_defaults_are_utc_three_o_clock_three_days_and_every_report(tmp_path: Path) -> None:
    found = read_connection(written(tmp_path, yaml_of()))
    assert (found.timezone, found.at, found.start_date, found.reports) == ("UTC", time(3), None, None)
    assert found.chosen_reports == tuple(report for report in FIREWORKS.reports if not report.opt_in)
    assert found.lookback(FIREWORKS.report("usage")) == 3


@pytest.mark.parametrize(
    ("settings", "key", "allowed"),
    [
        ({"time_zone": "UTC"}, "time_zone", "allowed: provider, account, timezone, at, start_date, lookback_days"),
        ({"password": "x"}, "password", "allowed: provider"),
        ({"provider": "nobody"}, "provider", "allowed: anthropic, authress, aws_bedrock, azure_openai"),
        ({"provider": ""}, "provider", ""),
        ({"timezone": "Mars/Olympus"}, "timezone", "Europe/Berlin"),
        ({"timezone": "../../etc/passwd"}, "timezone", "Europe/Berlin"),
        ({"timezone": "/etc/localtime"}, "timezone", "Europe/Berlin"),
        ({"timezone": "Europe"}, "timezone", "Europe/Berlin"),
        ({"timezone": '""'}, "timezone", "Europe/Berlin"),
        ({"timezone": "GMT+25"}, "timezone", "Europe/Berlin"),
        ({"at": "03:00:00"}, "at", "HH:MM"),
        ({"at": "870"}, "at", "HH:MM"),
        ({"at": "9:30"}, "at", "HH:MM"),
        ({"at": '"24:00"'}, "at", "HH:MM"),
        ({"at": '"3:00"'}, "at", "HH:MM"),
        ({"at": '"03:00Z"'}, "at", "HH:MM"),
        ({"at": '"٠٣:٠٠"'}, "at", "HH:MM"),
        ({"at": "noon"}, "at", "HH:MM"),
        ({"account": "a/b"}, "account", "allowed"),
        ({"account": '"../x"'}, "account", "allowed"),
        ({"account": '""'}, "account", "allowed"),
        ({"account": '"acme\\n"'}, "account", "allowed"),
        ({"account": "12"}, "account", "string"),
        ({"reports": "[usage, spend]"}, "reports", "allowed: usage, usage_utc, cost"),
        ({"reports": "[names]"}, "reports", "allowed: usage, usage_utc, cost"),
        ({"reports": "usage"}, "reports", "tuple"),
        ({"start_date": "soon"}, "start_date", "date"),
        ({"lookback_days": "-1"}, "lookback_days", "greater than or equal to 0"),
        ({"lookback_days": "401"}, "lookback_days", "less than or equal to 400"),
        ({"lookback_days": "some"}, "lookback_days", "integer"),
        *(
            ({"deadline": text}, "deadline", "1m to 999h, such as 90m or 2h")
            for text in ("2", "0h", "2d", "1.5h", "1000m")
        ),
        ({"id": "other"}, "id", "the file's name is the id"),
    ],
    ids=str,
)
def test_a_bad_setting_is_refused_with_file_key_and_what_is_allowed(
    tmp_path: Path, settings: dict[str, str], key: str, allowed: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        read_connection(written(tmp_path, yaml_of(**settings)))
    text = str(caught.value)
    assert "acme.yaml" in text
    assert f"`{key}`" in text
    assert allowed in text
    assert caught.value.connection == "acme"
    assert "\n" not in text


@pytest.mark.parametrize("missing", GOOD)
def test_a_missing_key_is_named(tmp_path: Path, missing: str) -> None:
    text = "".join(f"{key}: {value}\n" for key, value in GOOD.items() if key != missing)
    with pytest.raises(ConfigError, match=rf"acme.yaml: key `{missing}` is missing"):
        read_connection(written(tmp_path, text or "{}"))


@pytest.mark.parametrize(
    "text",
    [
        *("", "# nothing\n", "- provider\n", "fireworks", "42\n", "provider: [\n", "a: b: c\n", "--- {}\n--- {}\n"),
        *("\tprovider: x\n", "1: x\n", "? [a]\n: b\n", "!!python/object/apply:os.getcwd []\n", "a: &a [*a]\n", "\0"),
        *("provider: *unknown\n", "provider: fireworks\naccount: acme\nstart_date: 2026-13-45\n"),
    ],
)
def test_a_file_that_is_no_mapping_is_refused_with_its_name(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"acme\.yaml") as caught:
        read_connection(written(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "acme.yaml").write_bytes(b"provider: \xff\xfe\n")
    with pytest.raises(ConfigError, match=r"acme\.yaml"):
        read_connection(tmp_path / "acme.yaml")


@pytest.mark.parametrize("good", ["a", "0", "acme", "acme_2", "9_lives", "a" * 63])
def test_plain_ids_pass(good: str) -> None:
    assert checked_id(good) == good


@pytest.mark.parametrize(
    "bad",
    [
        *("", "_a", "A", "acme-eu", "acme.eu", "a b", "a/b", "..", "../../etc/passwd", "a" * 64, "é", "а", "a\n"),
        *("a\0", "C:/x", "a;b", "a%2e", "-a"),
    ],
)
def test_an_id_that_a_path_a_shell_or_a_url_could_misread_is_refused(tmp_path: Path, bad: str) -> None:
    with pytest.raises(ConfigError) as caught:
        checked_id(bad)
    assert "lower-case letters" in str(caught.value)
    assert str(caught.value).isprintable()
    with pytest.raises(ConfigError):
        find_connection(bad, tmp_path)


def test_a_file_whose_name_is_no_id_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Acme-EU"):
        read_connection(written(tmp_path, yaml_of(), "Acme-EU.yaml"))


def test_an_unknown_connection_names_those_that_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="usage-ledger connect"):
        find_connection("acme", tmp_path)
    written(tmp_path, yaml_of())
    with pytest.raises(ConfigError, match="the folder has: acme"):
        find_connection("other", tmp_path)
    assert find_connection("acme", tmp_path).id == "acme"


@pytest.mark.parametrize("settings", [{"timezone": "Mars/Olympus"}, {"start_date": "2026-02-30"}, {"at": "3"}], ids=str)
def test_one_broken_file_leaves_the_others_readable(tmp_path: Path, settings: dict[str, str]) -> None:
    written(tmp_path, yaml_of(), "a.yaml")
    written(tmp_path, yaml_of(**settings), "b.yaml")
    written(tmp_path, yaml_of(), "c.yaml")
    written(tmp_path, "not a connection", "notes.txt")
    found, broken = all_connections(connection_files(tmp_path))
    assert [connection.id for connection in found] == ["a", "c"]
    assert [error.connection for error in broken] == ["b"]


def test_a_changed_file_is_read_again_and_an_unchanged_one_is_not(tmp_path: Path) -> None:
    path = written(tmp_path, yaml_of(timezone="Europe/Paris"))
    once = read_connection(path)
    assert read_connection(path) is once
    written(tmp_path, yaml_of(timezone="Asia/Tokyo"))
    assert read_connection(path).timezone == "Asia/Tokyo"
