"""Check the server process over TLS with a certificate of its own."""

from __future__ import annotations

import datetime
import ipaddress

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.processes import ServerSite
from tests.studies import submit
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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("127.0.0.1", "0.0.0.0"), "set certificate and private_key"),
        (("port =", "prot ="), "prot"),
        (("seconds = 600", "seconds = 0"), "seconds"),
        (("[limits]", "[limits"), "domain.toml"),
    ],
)
def test_a_wrong_configuration_is_refused_by_field(tmp_path, change, message):
    site = ServerSite(tmp_path / "hospital-a")
    config = site.root / "domain.toml"
    config.write_text(config.read_text().replace(*change, 1))
    with pytest.raises(InvalidConfiguration, match=message):
        DomainFolder(site.root)
