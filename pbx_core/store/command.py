"""`callbench tenant`, `callbench extension`, `callbench person`: how an operator prepares an office.

They create the database if there is none, so that everything can stand before the first `callbench up`.
"""

from __future__ import annotations

import getpass
import secrets
import sys
import zoneinfo
from pathlib import Path

import click

from pbx_core.clock import SystemClock
from pbx_core.errors import InputError
from pbx_core.store import audit, directory
from pbx_core.store.terminal import clean_name, open_db, say, table, tenant_of

EXTENSIONS_AT_ONCE_MAX = 1000  # one call; more is a slip of the finger
PASSWORD_BYTES = 12  # of a generated password: 96 bits, 16 characters


@click.group()
def tenant() -> None:
    """Customers: each with its own SIP domain, people, recordings."""


@tenant.command("add")
@click.argument("name")
@click.argument("domain")
@click.option("--time-zone", default="UTC", show_default=True, help="IANA name, as Asia/Bishkek.")
@click.option("--languages", default="en", show_default=True, help="Spoken there, as en,ru.")
@click.pass_obj
def tenant_add(data: Path, name: str, domain: str, time_zone: str, languages: str) -> None:
    """Create the tenant NAME whose phones register at DOMAIN."""
    if time_zone not in zoneinfo.available_timezones():
        raise InputError(f"{time_zone!r} is no time zone; use a name like Europe/Berlin.", error_id="bad_time_zone")
    codes = [code.strip().lower() for code in languages.split(",")]
    if not all(code.isalpha() and 2 <= len(code) <= 3 for code in codes):
        raise InputError(f"{languages!r} is no list of languages; use codes like en,ru.", error_id="bad_languages")
    made = directory.add_tenant(
        open_db(data), SystemClock(), clean_name(name), domain, time_zone=time_zone, languages=",".join(codes)
    )
    say(f"Tenant {made.name} is ready; its phones register at {made.domain}.")
    say(f"Next: callbench extension add {made.domain} 101")


@tenant.command("list")
@click.pass_obj
def tenant_list(data: Path) -> None:
    """Show all tenants."""
    db = open_db(data)
    rows = [
        (t.domain, t.name, t.time_zone, ",".join(t.languages), str(len(directory.extensions(db, t.tenant_id))))
        for t in directory.tenants(db)
    ]
    table(("Domain", "Name", "Time zone", "Languages", "Extensions"), rows, "There are no tenants yet.")


@click.group()
def extension() -> None:
    """Short numbers of a tenant, and the SIP passwords of their phones."""


@extension.command("add")
@click.argument("domain")
@click.argument("number")
@click.option("--count", default=1, show_default=True, type=click.IntRange(1, EXTENSIONS_AT_ONCE_MAX), help="How many.")
@click.option("--name", default="", help="Shown on the phones it calls.")
@click.pass_obj
def extension_add(data: Path, domain: str, number: str, count: int, name: str) -> None:
    """Create the extension NUMBER, or COUNT of them from NUMBER on, and print each SIP password, once."""
    db, clock = open_db(data), SystemClock()
    owner = tenant_of(db, domain)
    if not (number.isascii() and number.isdigit()):
        raise InputError(f"{number!r} is not a short number (2 to 6 digits).", error_id="bad_number")
    if len(str(int(number) + count - 1)) > 6:
        raise InputError(f"{count} numbers from {number} on do not fit 6 digits; nothing was created.")
    numbers = [str(int(number) + i).zfill(len(number)) for i in range(count)]
    taken = {e.number for e in directory.extensions(db, owner.tenant_id)} & set(numbers)
    if taken:
        raise InputError(
            f"{owner.domain} has {', '.join(sorted(taken))} already; nothing was created.", error_id="number_taken"
        )
    made: list[tuple[str, str, str]] = []
    try:
        for each in numbers:
            password = directory.new_sip_password()
            directory.add_extension(db, clock, owner, each, password, display_name=clean_name(name, empty=True))
            made.append((each, f"sip:{each}@{owner.domain}", password))
    finally:  # whatever was created is shown, for this is the only time
        if made:
            table(("Number", "Address", "SIP password"), made, "")
            say("Note the passwords now: they are not kept and cannot be shown again.")


@extension.command("list")
@click.argument("domain")
@click.pass_obj
def extension_list(data: Path, domain: str) -> None:
    """Show the extensions of DOMAIN; passwords are not kept."""
    db = open_db(data)
    rows = [(e.number, e.display_name) for e in directory.extensions(db, tenant_of(db, domain).tenant_id)]
    table(("Number", "Name"), rows, "There are no extensions yet.")


@click.group()
def person() -> None:
    """People of a tenant who sign in to the dashboard."""


@person.command("add")
@click.argument("domain")
@click.argument("email")
@click.argument("name")
@click.argument("role", type=click.Choice(directory.ROLES))
@click.option("--extension", "own_extension", help="His own number; an agent sees the calls of this number only.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--ask-password", is_flag=True, help="Ask for the password at the terminal.")
@click.pass_obj
def person_add(
    data: Path,
    domain: str,
    email: str,
    name: str,
    role: str,
    own_extension: str | None,
    password_stdin: bool,
    ask_password: bool,
) -> None:
    """Create NAME, who signs in with EMAIL. Without an option a password is made and printed, once."""
    db, clock = open_db(data), SystemClock()
    owner = tenant_of(db, domain)
    if "@" not in email.strip("@") or any(c.isspace() for c in email.strip()):
        raise InputError(f"{email!r} is not an e-mail address; nothing was created.", error_id="bad_email")
    if own_extension and directory.extension_of(db, owner.tenant_id, own_extension) is None:
        raise InputError(f"{owner.domain} has no extension {own_extension}; create it first.", error_id="no_extension")
    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    elif ask_password:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = secrets.token_urlsafe(PASSWORD_BYTES)
    made = directory.add_person(
        db, clock, owner.tenant_id, email, clean_name(name), role, password, own_extension=own_extension
    )
    say(f"{made.name} signs in as {made.email} ({made.role} of {owner.name}).")
    if not (password_stdin or ask_password):
        say(f"Password: {password}")
        say("Note it now: it is not kept and cannot be shown again.")


@person.command("list")
@click.argument("domain")
@click.pass_obj
def person_list(data: Path, domain: str) -> None:
    """Show who signs in for DOMAIN."""
    db = open_db(data)
    found = directory.people(db, tenant_of(db, domain).tenant_id)
    rows = [(p.email, p.name, p.role, p.extension or "", "yes" if p.originals else "") for p in found]
    table(("E-mail", "Name", "Role", "Extension", "Originals"), rows, "There are no people yet.")


@person.command("originals")
@click.argument("domain")
@click.argument("email")
@click.argument("may", type=click.Choice(("grant", "revoke")))
@click.option("--reason", required=True, help="Why; kept in the audit trail.")
@click.pass_obj
def person_originals(data: Path, domain: str, email: str, may: str, reason: str) -> None:
    """Let EMAIL read and hear what [speech.redact] hides from everybody, or no longer."""
    db, clock = open_db(data), SystemClock()
    owner = tenant_of(db, domain)
    found = directory.person_by_email(db, email)
    if found is None or found.tenant_id != owner.tenant_id:
        raise InputError(f"Nobody of {domain} signs in as {email!r}; nothing was changed.", error_id="no_person")
    why = " ".join(reason.split())
    if not (why and why.isprintable()):
        raise InputError("The right to originals needs its reason; nothing was changed.", error_id="no_reason")
    changed = directory.set_originals(db, owner.tenant_id, found.person_id, may == "grant")
    by = clean_name(getpass.getuser())
    audit.note(db, clock, owner.tenant_id, None, f"originals_{may}:{why}", found.person_id, by)
    does = "reads and hears originals" if may == "grant" else "gets only what is not hidden"
    say(f"{found.name} {does}{'' if changed else ', as before'}.")
