"""Live: the calls that run now, and the words of the one that is opened. The page itself is the component in
dashboard/player; it fetches what is new by itself."""

from __future__ import annotations

import re

import streamlit as st

from dashboard import player, session

_ID = re.compile(r"[0-9a-f]{32}")


def content() -> None:
    """The page."""
    viewer = session.viewer()
    st.title("Live", anchor=False)
    asked = st.query_params.get("call", "")
    player.live(asked if _ID.fullmatch(asked) else "", viewer.tenant.time_zone)


content()
