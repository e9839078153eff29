"""Who looks at a page. The identity comes from the door (dashboard.web.middleware) through st.user, and is looked up
again in every run: st.user stays as it was when the browser connected, a session may have ended since."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import streamlit as st

from analytics.queries import Reader, Scope
from dashboard.web import access, filters
from dashboard.web import context as web_context
from dashboard.web.context import Context
from ingest import warehouse
from pbx_core.errors import Unavailable
from pbx_core.store import directory, sessions
from pbx_core.store.sessions import Session


@dataclass(frozen=True)
class Viewer:
    """The person in front of a page and all he may reach."""

    context: Context
    session: Session
    tenant: directory.Tenant

    @property
    def scope(self) -> Scope:
        """The calls he may see."""
        return access.scope(self.session)

    @property
    def zone(self) -> ZoneInfo:
        """The tenant's time zone."""
        return filters.zone(self.tenant.time_zone)

    def reader(self) -> Reader:
        """The warehouse; where there is none yet, the page says so and ends."""
        try:
            return self.context.reader()
        except Unavailable as error:
            if warehouse.made(self.context.settings):
                st.subheader("One moment")
                st.text(str(error))
            else:
                st.subheader("No calls yet")
                st.text("The first call appears here a few seconds after it has ended.")
            st.stop()


def viewer() -> Viewer:
    """The person signed in; without a living session the page ends with a way back in. Call it first in every page
    and in every fragment."""
    context = web_context.current()
    token = st.user.to_dict().get("session")
    session = sessions.look(context.db, context.clock, str(token), context.settings.session_idle_s) if token else None
    tenant = directory.tenant_by_id(context.db, session.tenant_id) if session else None
    if session is None or tenant is None:
        st.subheader("You are signed out")
        st.markdown("[Sign in again](/auth/login) to go on. Comments you have written are kept.")
        st.stop()
    return Viewer(context, session, tenant)
