"""The edge's certificate: the configured one, or a self-signed one made once and kept under <data>/tls."""

from __future__ import annotations

import fcntl
import ipaddress
import os
import ssl
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pbx_core.errors import ConfigError
from pbx_core.settings import Settings

VALID_DAYS = 825  # what operating systems accept at most


def server_context(settings: Settings, host: str, now: datetime) -> ssl.SSLContext:
    """TLS 1.2 or newer with our certificate; ConfigError when the configured files do not fit."""
    if bool(settings.tls_cert) != bool(settings.tls_key):
        raise ConfigError("tls_cert and tls_key belong together; set both or none. The SIP edge was not started.")
    cert, key = settings.tls_cert, settings.tls_key
    if cert is None or key is None:
        cert, key = self_signed(settings.data / "tls", host, now)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(cert, key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"The TLS certificate {cert} with key {key} cannot be used ({error}); the SIP edge was not started. "
            "Correct tls_cert and tls_key, or remove both to have one made."
        ) from error
    return context


def self_signed(directory: Path, host: str, now: datetime) -> tuple[Path, Path]:
    """Paths of certificate and key; made when missing or within a month of expiry."""
    cert_path, key_path = directory / "edge.crt", directory / "edge.key"
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (directory / "make.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # edge and API start at once: one makes the pair, both use it
        return _held(cert_path, key_path, now) or _make(cert_path, key_path, host, now)


def _held(cert_path: Path, key_path: Path, now: datetime) -> tuple[Path, Path] | None:
    if cert_path.exists() and key_path.exists():
        held = x509.load_pem_x509_certificate(cert_path.read_bytes())
        if held.not_valid_after_utc - now > timedelta(days=30):
            return cert_path, key_path
    return None


def _make(cert_path: Path, key_path: Path, host: str, now: datetime) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    try:
        subject: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        subject = x509.DNSName(host)
    cert = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName([subject]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_secret(key_path, secret)
    cert_path.write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    return cert_path, key_path


def write_secret(path: Path, data: bytes) -> None:
    """Write a file that only its owner can read, complete or not at all."""
    temporary = path.with_suffix(path.suffix + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
