import pytest

from ingest.errors import SchemaRegistryError
from ingest.formats.confluent.registry import RegistrySettings, SchemaRegistry
from tests.ingest.registry_server import registry_server
from tests.security.certificates import Authority


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def server(authority):
    both = str(authority.issue("registry", "127.0.0.1"))
    with registry_server(tls=(both, both)) as running:
        running.register("t-value", '"long"')
        yield running


def test_the_given_authority_is_trusted(server, authority, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere.pem")
    registry = SchemaRegistry(RegistrySettings(server.url, ca=authority.file))
    assert registry.schema(1).text == '"long"'


def test_a_registry_that_nobody_vouches_for_is_refused_at_once(server, tmp_path):
    other = Authority(tmp_path).file
    for ca in (None, other):
        with pytest.raises(SchemaRegistryError, match=r"TLS failed: .*; check ca"):
            SchemaRegistry(RegistrySettings(server.url, ca=ca)).schema(1)
    assert server.asked == []
