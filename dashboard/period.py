"""Which days are looked at: a choice above the figures, kept in the address so that it can be passed on."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import streamlit as st

from dashboard import session

DAYS = {"Today": 1, "7 days": 7, "30 days": 30, "90 days": 90}
OTHER = "Other"
USUAL = "7 days"


def chosen(viewer: session.Viewer) -> tuple[datetime, datetime]:
    """The days looked at, as UTC from the first midnight to the one after the last, in the tenant's zone."""
    today = datetime.now(viewer.zone).date()
    first, last, name = _addressed(today)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = (
            st.segmented_control("Period", [*DAYS, OTHER], default=name, key="period", required=True, wrap=True)
            or USUAL
        )
        if name == OTHER:
            picked = st.date_input("Days", value=(first, last), max_value=today, width=260)
            first, last = (picked[0], picked[-1]) if isinstance(picked, tuple) and picked else (first, last)
        else:
            first, last = today - timedelta(days=DAYS[name] - 1), today
    _keep(name, first, last)
    return _midnight(first, viewer), _midnight(last + timedelta(days=1), viewer)


def parameters() -> dict[str, str]:
    """What of the address says which days, to be carried along."""
    return {name: value for name in ("days", "from", "to") if (value := st.query_params.get(name))}


def _addressed(today: date) -> tuple[date, date, str]:
    usual = today - timedelta(days=DAYS[USUAL] - 1), today
    name = next((n for n, days in DAYS.items() if str(days) == st.query_params.get("days")), USUAL)
    try:
        first, last = (date.fromisoformat(st.query_params.get(n, "")) for n in ("from", "to"))
    except ValueError:
        return *usual, name
    return (first, min(last, today), OTHER) if first <= min(last, today) else (*usual, name)


def _keep(name: str, first: date, last: date) -> None:
    wanted = {"days": str(DAYS[name])} if name in DAYS else {"from": str(first), "to": str(last)}
    for gone in {"days", "from", "to"} - wanted.keys():
        st.query_params.pop(gone, None)
    for key, value in wanted.items():
        if st.query_params.get(key) != value:
            st.query_params[key] = value


def _midnight(day: date, viewer: session.Viewer) -> datetime:
    return datetime.combine(day, time(), viewer.zone).astimezone(UTC)
