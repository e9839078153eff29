"""Reports: what comes by mail, to whom and when, what became of it; and today's report to look at."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from analytics.reports import making
from dashboard import formatting, session
from dashboard.web import access
from pbx_core.domain.report_slots import Rhythm
from pbx_core.errors import InputError
from pbx_core.store import audit, directory, reports

WHEN = {
    Rhythm.DAILY: "Every day, about the day before",
    Rhythm.WEEKLY: "Every Monday, about the week before",
    Rhythm.MONTHLY: "On the first, about the month before",
}
STATES = {"waiting": "waits", "sending": "is being sent", "sent": "sent", "failed": "NOT sent"}
MAILS_SHOWN = 20
FORM_PX = 560


def look() -> None:
    """The report of the last period, as this person would get it."""
    st.subheader("Look at one now", anchor=False)
    for rhythm in Rhythm:
        with st.container(horizontal=True, gap="small"):
            name = formatting.plain(making.NAMES[rhythm])
            st.link_button(name, url=f"/api/reports/{rhythm}.html", width=180)
            st.link_button("PDF", url=f"/api/reports/{rhythm}.pdf", help=name)


def order(viewer: session.Viewer, people: dict[str, directory.Person]) -> None:
    """The form for a new one."""
    with st.form("order", clear_on_submit=True, width=FORM_PX):
        st.subheader("Send a report by mail", anchor=False)
        rhythm = st.selectbox("How often", list(Rhythm), format_func=lambda r: WHEN[r], index=1)
        hour = st.selectbox("At", range(24), index=7, format_func=lambda h: f"{h:02d}:00")
        labels = {f"{p.name} ({p.email})": p.person_id for p in people.values()}
        chosen = st.multiselect("To", options=list(labels), placeholder="People of your organisation")
        name = st.text_input("Subject", max_chars=64, placeholder=making.NAMES[Rhythm.WEEKLY])
        if not st.form_submit_button("Send from now on", type="primary"):
            return
    wanted = [labels[label] for label in chosen]
    context, who = viewer.context, viewer.session
    try:
        made = reports.add(
            context.db,
            context.clock,
            who.tenant_id,
            name or making.NAMES[rhythm],
            rhythm,
            hour,
            wanted,
            who.person_id,
        )
    except InputError as error:
        st.error(formatting.plain(str(error)))
        return
    audit.note(context.db, context.clock, who.tenant_id, who.person_id, "report_ordered", made.schedule_id)
    st.rerun()


def end(schedule_id: str) -> None:
    """Send it no more."""
    viewer = session.viewer()
    context, who = viewer.context, viewer.session
    if access.may_order_reports(who) and reports.end(context.db, context.clock, who.tenant_id, schedule_id):
        audit.note(context.db, context.clock, who.tenant_id, who.person_id, "report_ended", schedule_id)


def ordered(viewer: session.Viewer, people: dict[str, directory.Person]) -> None:
    """What comes by itself."""
    found = reports.schedules(viewer.context.db, viewer.session.tenant_id)
    if not found:
        st.text("No report comes by mail yet.")
    for schedule in found:
        with st.container(border=True):
            st.text(schedule.name)
            to = ", ".join(people[p].name if p in people else "somebody who has left" for p in schedule.recipients)
            st.text(f"{WHEN[schedule.rhythm]}, at {schedule.hour:02d}:00, to {to}")
            st.button("Send no more", key=f"end_{schedule.schedule_id}", on_click=end, args=(schedule.schedule_id,))


def history(viewer: session.Viewer, people: dict[str, directory.Person]) -> None:
    """What became of the last mails."""
    found = reports.mails(viewer.context.db, viewer.session.tenant_id, MAILS_SHOWN)
    if not found:
        return
    st.subheader("The last mails", anchor=False)
    for mail in found:
        to = people[mail.person_id].name if mail.person_id in people else "somebody who has left"
        at = formatting.moment(datetime.fromtimestamp(mail.changed_at, UTC), viewer.zone)
        line = f"{mail.slot}, to {to}: {STATES[mail.state]} ({at})"
        st.text(f"{line}\n{mail.reason}" if mail.reason and mail.state != "sent" else line)


def content() -> None:
    """The page."""
    viewer = session.viewer()
    st.title("Reports", anchor=False)
    may = access.may_order_reports(viewer.session)
    look()
    st.subheader("By mail", anchor=False)
    if not viewer.context.settings.smtp_host:
        with st.container(border=True):
            st.text(
                "No mail server is set up, so nothing is sent yet. Whoever runs this system enters one as smtp_host."
            )
    people = {p.person_id: p for p in directory.people(viewer.context.db, viewer.session.tenant_id)}
    if not may:
        st.text("Owners and managers decide which reports come by mail, and to whom.")
        return
    ordered(viewer, people)
    order(viewer, people)
    history(viewer, people)


content()
