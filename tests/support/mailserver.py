"""A real mail server on loopback (aiosmtpd) with STARTTLS and a name to sign in with; it keeps what it takes."""

from __future__ import annotations

import datetime
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pbx_core.settings import Settings
from tests.support.ports import free_port

USER, PASSWORD = "callbench", "pa ss"


@dataclass
class MailServer:
    """answers: what the next mails get instead of being taken; before: called with each mail before its answer."""

    port: int
    ca: Path
    taken: list[bytes] = field(default_factory=list)
    seen: list[bytes] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    before: Callable[[], None] = lambda: None

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """As aiosmtpd calls it."""
        self.seen.append(envelope.content)
        self.before()
        if self.answers:
            return self.answers.pop(0)
        self.taken.append(envelope.content)
        return "250 taken"

    def mails(self) -> list[EmailMessage]:
        """What was taken, read again."""
        return [message_from_bytes(content, policy=default) for content in self.taken]  # type: ignore[misc]

    def wishes(self, **more: Any) -> dict[str, Any]:
        """Settings with which it is reached."""
        return {
            "smtp_host": "localhost",
            "smtp_port": self.port,
            "smtp_user": USER,
            "smtp_password": PASSWORD,
            "smtp_ca": self.ca,
            "smtp_from": "reports@callbench.test",
            **more,
        }

    def settings(self, settings: Settings, **more: Any) -> Settings:
        """The same settings with this server."""
        return Settings(**{**settings.model_dump(), **self.wishes(**more)})


@contextmanager
def running(folder: Path) -> Iterator[MailServer]:
    """A server while inside."""
    cert, key = _certificate(folder)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    server = MailServer(free_port(), cert)

    def sign_in(_: Any, __: Any, ___: Any, mechanism: str, data: Any) -> AuthResult:
        right = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=right, handled=False)

    controller = Controller(
        server,
        hostname="127.0.0.1",
        port=server.port,
        tls_context=context,
        require_starttls=True,
        authenticator=sign_in,
        auth_required=True,
    )
    controller.start()
    try:
        yield server
    finally:
        controller.stop()


def _certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert, secret = folder / "mail.pem", folder / "mail.key"
    cert.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    return cert, secret
