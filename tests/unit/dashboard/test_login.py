"""Signing in: who may, who may not, and how often one may try."""

from __future__ import annotations

import sqlalchemy as sa

from dashboard.web import login, middleware
from dashboard.web.context import Context
from pbx_core.store import schema
from tests.support.web import form_token, sign_in


def test_the_right_password_opens_a_session_that_only_the_browser_knows(browser, context: Context) -> None:
    client = browser()
    answer = sign_in(client, " Owner@ACME.test ", "correct horse owner", "/overview")
    assert (answer.status_code, answer.headers["location"]) == (303, "/overview")
    cookie = next(c for c in answer.headers.get_list("set-cookie") if c.startswith(middleware.COOKIE))
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Secure" not in cookie
    with context.db.connect() as connection:
        rows = connection.execute(sa.select(schema.web_session)).all()
        assert len(rows) == 1 and client.cookies[middleware.COOKIE] not in str(rows)
        (row,) = connection.execute(sa.select(schema.audit.c.action, schema.audit.c.tenant_id)).all()
    assert row.action == "signed_in"


def test_behind_tls_the_cookie_is_bound_to_host_and_tls(browser) -> None:
    client = browser(https=True)
    answer = sign_in(client, "owner@acme.test", "correct horse owner")
    cookie = next(c for c in answer.headers.get_list("set-cookie") if middleware.COOKIE in c)
    assert cookie.startswith(f"__Host-{middleware.COOKIE}=") and "Secure" in cookie
    assert client.get("/api/me").status_code == 200


def test_wrong_password_and_unknown_account_look_the_same(browser) -> None:
    client = browser()
    wrong = sign_in(client, "owner@acme.test", "correct horse manager")
    unknown = sign_in(client, "nobody@acme.test", "correct horse manager")
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.text.replace("owner@acme.test", "nobody@acme.test") == unknown.text
    assert login.WRONG in wrong.text and middleware.COOKIE not in client.cookies


def test_the_form_needs_its_own_token(browser) -> None:
    client = browser()
    good = form_token(client)
    data = {"email": "owner@acme.test", "password": "correct horse owner"}
    for csrf in ("", "x" * 43, good[:-1]):
        assert client.post("/auth/login", data={**data, "csrf": csrf}).status_code == 403
    stranger = browser()
    assert stranger.post("/auth/login", data={**data, "csrf": good}).status_code == 403
    assert client.post("/auth/login", data={**data, "csrf": good}).status_code == 303


def test_the_sixth_bad_attempt_is_refused_and_even_the_right_password_then(browser, clock, context: Context) -> None:
    client = browser()
    codes = [sign_in(client, "owner@acme.test", "wrong password").status_code for _ in range(6)]
    assert codes == [401] * 5 + [429]
    refused = sign_in(client, "owner@acme.test", "correct horse owner")
    assert refused.status_code == 429 and refused.headers["retry-after"] == str(context.settings.login_window_s)
    assert sign_in(browser(), "manager@acme.test", "correct horse manager").status_code == 303
    assert sign_in(browser(address="198.51.100.9"), "owner@acme.test", "correct horse owner").status_code == 303
    clock.ahead += type(clock.ahead)(seconds=context.settings.login_window_s + 1)
    assert sign_in(client, "owner@acme.test", "correct horse owner").status_code == 303


def test_signing_in_well_is_never_counted_against_anybody(browser) -> None:
    for _ in range(8):
        assert sign_in(browser(), "owner@acme.test", "correct horse owner").status_code == 303


def test_one_password_for_many_accounts_is_stopped_too(browser) -> None:
    client = browser()
    codes = [sign_in(client, f"p{n}@acme.test", "Password123").status_code for n in range(22)]
    assert codes.count(401) == 20 and codes[-2:] == [429, 429]


def test_nobody_is_sent_to_another_site(browser) -> None:
    for target in ("//evil.test", "https://evil.test", "/\\evil.test", "/%0d%0aLocation:x", "javascript:alert(1)", ""):
        answer = sign_in(browser(), "owner@acme.test", "correct horse owner", target)
        assert answer.headers["location"] in ("/", "/%0d%0aLocation:x")


def test_what_was_typed_comes_back_as_text_only(browser) -> None:
    page = sign_in(browser(), '"><script>alert(1)</script>', "x", '/"><script>').text
    assert "<script" not in page and "&lt;script&gt;" in page


def test_a_disabled_person_is_out_at_once(browser, context: Context) -> None:
    client = browser("second@acme.test")
    person = schema.person.c.email == "second@acme.test"
    with context.db.begin() as connection:
        connection.execute(sa.update(schema.person).where(person).values(disabled_at=1.0))
    try:
        assert client.get("/api/me").status_code == 401
        assert sign_in(browser(), "second@acme.test", "correct horse second").status_code == 401
    finally:
        with context.db.begin() as connection:
            connection.execute(sa.update(schema.person).where(person).values(disabled_at=None))


def test_odd_forms_are_answered_not_crashed_on(browser) -> None:
    client = browser()
    assert client.post("/auth/login", content=b"\xff\xfe=&&&;;").status_code == 403
    assert client.post("/auth/login", content=b"&".join(b"a%d=1" % n for n in range(50))).status_code == 403
    long = {"email": "owner@acme.test", "password": "p" * 5000, "csrf": form_token(client)}
    assert client.post("/auth/login", data=long).status_code == 401
