"""Check the server process over TLS with a certificate of its own."""

from __future__ import annotations

import datetime
import ipaddress
import json
import logging
import socket

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.processes import ServerSite, free_port
from tests.studies import submit
from tests.support import make_domain
from workbench.documents import LogEntry, now
from workbench.domain.api import terminal
from workbench.domain.api.server import serve
from workbench.domain.store.config import DomainFolder
from workbench.errors import DomainUnavailable, InvalidConfiguration

pytestmark = pytest.mark.slow


def make_certificate(folder):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hospital-a")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "server.crt").write_bytes(certificate.public_bytes(pem))
    (folder / "server.key").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def test_a_run_over_tls_and_no_trust_without_the_certificate(tmp_path):
    site = ServerSite(tmp_path / "hospital-a")
    make_certificate(site.root)
    config = site.root / "domain.toml"
    lines = 'certificate = "server.crt"\nprivate_key = "server.key"\n'
    config.write_text(lines + config.read_text())
    site.scheme = "https"
    site.start()
    with pytest.raises(DomainUnavailable):
        site.client().datasets()
    site.ca = str(site.root / "server.crt")
    assert submit(site.client()).wait(progress=False).verified
    site.stop()
    log = (site.root / "server.log").read_text()
    for told in (
        f"domain hospital-a listens on https://127.0.0.1:{site.port}",
        f"its public key is {site.public_key}",
        "1 datasets are published",
        "request came, ",
        "run started, ",
        "run released, ",
        "stopped; what was running is taken up again",
    ):
        assert log.count(told) == 1, log
    assert "alembic" not in log


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("127.0.0.1", "0.0.0.0"), r"domain.toml: as a whole: host '0.0.0.0' is not loopback"),
        (("port =", "prot ="), "domain.toml: prot: Extra"),
        (("seconds = 600", "seconds = 0"), "domain.toml: limits.seconds: "),
        (("[limits]", "[limits"), "domain.toml"),
    ],
)
def test_a_wrong_configuration_is_refused_by_field(tmp_path, change, message):
    site = ServerSite(tmp_path / "hospital-a")
    config = site.root / "domain.toml"
    config.write_text(config.read_text().replace(*change, 1))
    with pytest.raises(InvalidConfiguration, match=message):
        DomainFolder(site.root)


def test_what_keeps_a_server_from_starting_is_said_with_its_cure(tmp_path):
    root = make_domain(tmp_path / "hospital-a", datasets=(), port=free_port())
    config = root / "domain.toml"
    port = DomainFolder(root).config.port
    with socket.create_server(("127.0.0.1", port)), pytest.raises(DomainUnavailable) as caught:
        serve(root)
    assert caught.value.message == f"cannot listen on 127.0.0.1:{port}: Address already in use"
    config.write_text('certificate = "no.crt"\nprivate_key = "no.key"\n' + config.read_text())
    with pytest.raises(InvalidConfiguration, match="no.crt is not there"):
        serve(root)


@pytest.fixture
def logging_as_before():
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:], logging.root.level = handlers, level


def test_events_are_lines_of_json_by_choice(capsys, logging_as_before):
    terminal.set_up("json")
    values = {"sequence": 1, "time": now(), "event": "decide", "who": "Stella", "key": "a" * 64}
    subject = "sha256:" + "b" * 64
    terminal.tell(LogEntry.following("0" * 64, values | {"subject": subject, "detail": "deny"}))
    told = json.loads(capsys.readouterr().err)
    assert told["message"] == "request decided, bbbbbbbbbbbb by Stella: deny"
    assert (told["event"], told["subject"], told["level"]) == ("decide", subject, "INFO")
