"""An authority, and certificates that it signs, made for one test session."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _pem(key: ec.EllipticCurvePrivateKey, password: str | None) -> bytes:
    cipher = (
        serialization.BestAvailableEncryption(password.encode())
        if password
        else serialization.NoEncryption()
    )
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, cipher)


@dataclass
class Authority:
    """Signs certificates; `file` is its own, in PEM."""

    folder: Path
    common: str = "test authority"

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.key = ec.generate_private_key(ec.SECP256R1())
        name = _name(self.common)
        usage = x509.KeyUsage(
            *(True, False, False, False, False, True, True),
            encipher_only=False,
            decipher_only=False,
        )
        self.certificate = (
            self._builder(name, self.key)
            .issuer_name(name)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .sign(self.key, hashes.SHA256())
        )
        self.file = self.folder / "ca.pem"
        self.file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, common: str, address: str | None = None, password: str | None = None) -> Path:
        """A file with the key and the certificate of a name, or of an address."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(_name(common), key).issuer_name(self.certificate.subject)
        if address is not None:
            names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
            builder = builder.add_extension(names, critical=False)
        made = builder.sign(self.key, hashes.SHA256())
        file = self.folder / f"{common}.pem"
        file.write_bytes(made.public_bytes(serialization.Encoding.PEM) + _pem(key, password))
        return file

    def revoke(self, file: Path) -> Path:
        """A list, in PEM, with the certificate in a file as revoked."""
        serial = x509.load_pem_x509_certificate(file.read_bytes()).serial_number
        revoked = (
            x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(NOW).build()
        )
        made = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(NOW - DAY)
            .next_update(NOW + DAY)
            .add_revoked_certificate(revoked)
            .sign(self.key, hashes.SHA256())
        )
        list_file = self.folder / "revoked.pem"
        list_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        return list_file

    @staticmethod
    def _builder(subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - DAY)
            .not_valid_after(NOW + 2 * DAY)
        )
