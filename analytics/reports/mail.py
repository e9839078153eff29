"""A report as a mail: plain text, HTML with its charts inside, the PDF attached. And the handing over by SMTP.

TLS is not an option of the other side: without it nothing is handed over, except to a mail server on this machine.
"""

from __future__ import annotations

import ipaddress
import smtplib
import ssl
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from analytics.reports import page, pdf
from analytics.reports.content import Report
from pbx_core.errors import ConfigError, InputError, Unavailable
from pbx_core.settings import Settings
from pbx_core.store.directory import Person


class Refused(InputError):
    """The mail server will never take this mail."""


@dataclass(frozen=True)
class Envelope:
    """Whom a mail is from and to, and its id."""

    sender: Address
    to: Address
    message_id: str


def sender(settings: Settings) -> Address:
    """Who reports are from; ConfigError when that is no address."""
    text = settings.smtp_from or f"callbench@{settings.smtp_host or 'localhost'}"
    try:
        return Address("Callbench", addr_spec=text)
    except ValueError:
        raise ConfigError(f"smtp_from is no address: {text!r}. Nothing was sent.") from None


def recipient(person: Person) -> Address:
    """A person's address; Refused when what he signs in with is none."""
    name = " ".join(person.name.split())
    try:
        return Address(name if name.isprintable() else "", addr_spec=person.email)
    except ValueError:
        raise Refused(f"{person.email!r} is no mail address.", error_id="bad_address") from None


def compose(report: Report, envelope: Envelope) -> bytes:
    """The whole mail as it is sent."""
    message = EmailMessage(policy=SMTP)
    message["Subject"] = f"{' '.join(report.name.split())}: {report.period}"
    message["From"] = envelope.sender
    message["To"] = envelope.to
    message["Date"] = format_datetime(report.made_at)
    message["Message-ID"] = envelope.message_id
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(page.text(report))
    host = envelope.message_id.rpartition("@")[2].rstrip(">")
    message.add_alternative(page.write(report, lambda chart: f"cid:{chart.name}@{host}"), subtype="html")
    _, rich = message.iter_parts()
    assert isinstance(rich, EmailMessage)
    for chart in report.charts:
        rich.add_related(
            chart.png, "image", "png", cid=f"<{chart.name}@{host}>", filename=f"{chart.name}.png", disposition="inline"
        )
    name = f"{report.rhythm}-{report.first:%Y-%m-%d}.pdf"
    message.add_attachment(pdf.write(report), maintype="application", subtype="pdf", filename=name)
    return bytes(message)


def hand_over(settings: Settings, content: bytes, from_: str, to: str) -> None:
    """Give a mail to the server. Refused when it will never take it, Unavailable when another try may help."""
    try:
        with _connected(settings) as server:
            if settings.smtp_user:
                server.login(settings.smtp_user, settings.smtp_password.get_secret_value())
            server.sendmail(from_, [to], content)
    except smtplib.SMTPRecipientsRefused as error:
        code, why = next(iter(error.recipients.values()))
        raise _refusal(code, why) from error
    except smtplib.SMTPAuthenticationError as error:
        raise Unavailable(f"The mail server does not let us in: {error.smtp_code} {_text(error.smtp_error)}") from error
    except smtplib.SMTPResponseException as error:
        raise _refusal(error.smtp_code, error.smtp_error) from error
    except (smtplib.SMTPException, OSError) as error:
        raise Unavailable(f"The mail server cannot be reached or did not answer: {error}") from error


def _connected(settings: Settings) -> smtplib.SMTP:
    host, port, timeout = settings.smtp_host, settings.smtp_port, settings.smtp_timeout_s
    tls = ssl.create_default_context(cafile=str(settings.smtp_ca) if settings.smtp_ca else None)
    if settings.smtp_security == "tls":
        return smtplib.SMTP_SSL(host, port, timeout=timeout, context=tls)
    if settings.smtp_security == "none" and not _here(host):
        raise Unavailable("smtp_security is none, which is for a mail server on this machine only. Nothing was sent.")
    server = smtplib.SMTP(host, port, timeout=timeout)
    if settings.smtp_security == "starttls":
        try:
            server.starttls(context=tls)
        except BaseException:
            server.close()
            raise
    return server


def _here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _refusal(code: int, why: bytes | str) -> Exception:
    text = f"The mail server said {code} {_text(why)}"
    return Refused(text, error_id="mail_refused") if 500 <= code < 600 else Unavailable(text)


def _text(why: bytes | str) -> str:
    text = why.decode(errors="replace") if isinstance(why, bytes) else why
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:200]
