"""What doctor says of the format: its files, its packages, the schema registry."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest import IngestError
from millstream.checkup_format import check_format
from millstream.config.config import Config
from millstream.errors import ConfigError

from ..ingest.registry_server import RegistryServer, registry_server
from .test_config_format import load

EVENT = {
    "type": "record",
    "name": "Event",
    "fields": [
        {"name": "amount", "type": "float"},
        {"name": "country", "type": "string"},
        {"name": "y", "type": "boolean"},
    ],
}


@pytest.fixture
def registry() -> Iterator[RegistryServer]:
    with registry_server() as server:
        server.auth = "me:hunter2"
        yield server


def framed(folder: Path, url: str) -> Config:
    access = f'schema_registry = {{ url = "{url}", auth = "${{AUTH}}" }}'
    return load(folder, f'kind = "avro"\nframing = "confluent"\n{access}')


def test_a_registry_that_answers_is_told_with_its_address(
    tmp_path: Path, registry: RegistryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTH", "me:hunter2")
    found = check_format(framed(tmp_path, registry.url))
    assert found == f"avro in Confluent's frame, schema registry {registry.url} answers"


def test_a_registry_that_refuses_or_is_not_there_is_told_without_the_password(
    tmp_path: Path, registry: RegistryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTH", "me:hunter3")
    with pytest.raises(IngestError, match=r"it answered 401; check auth") as told:
        check_format(framed(tmp_path, registry.url))
    assert "hunter3" not in str(told.value)
    with pytest.raises(IngestError, match=r"127\.0\.0\.1:9: 4 tries failed"):
        check_format(framed(tmp_path, "http://127.0.0.1:9"))


def test_files_are_read_and_held_against_the_schema(tmp_path: Path) -> None:
    section = 'kind = "avro"\navro_schema = "event.avsc"'
    with pytest.raises(ConfigError, match=r"format\.avro_schema: .*event\.avsc cannot be read"):
        check_format(load(tmp_path, section))
    (tmp_path / "event.avsc").write_text(json.dumps(EVENT))
    assert check_format(load(tmp_path, section)) == "avro, avro_schema event.avsc"
    (tmp_path / "event.avsc").write_text("{")
    with pytest.raises(ConfigError, match="format: "):
        check_format(load(tmp_path, section))


def test_a_package_that_is_missing_is_named_with_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "event.avsc").write_text(json.dumps(EVENT))
    config = load(tmp_path, 'kind = "avro"\navro_schema = "event.avsc"')
    monkeypatch.setitem(sys.modules, "fastavro", None)
    with pytest.raises(ConfigError, match=r"pip install 'millstream\[avro\]'"):
        check_format(config)


def test_a_struct_that_lacks_a_field_is_told(tmp_path: Path) -> None:
    config = load(tmp_path, 'kind = "struct"\nfields = [["amount", "<f4"], ["y", "?"]]')
    with pytest.raises(IngestError, match="country"):
        check_format(config)
