"""The button that takes everything a filter shows as a file, and how far one's own exports are."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlencode

import streamlit as st

from dashboard import formatting, session

LOOK_EVERY = timedelta(seconds=3)
TABLES = {"CSV": "csv", "Excel": "xlsx", "Parquet": "parquet"}
TEXTS = {"WebVTT": "transcripts.vtt.zip", "SRT": "transcripts.srt.zip", "Plain text": "transcripts.txt.zip"}


def popover(subject: str, carried: dict[str, str], *, texts: bool = False) -> None:
    """subject: the table, as analytics.export.subjects names it; carried: the filter, as it stands in the address;
    texts: whether what was said can be taken too."""
    query = f"?{urlencode(carried)}" if carried else ""
    with st.popover("Export"):
        st.text("Everything that the filter shows, not only this page.")
        with st.container(horizontal=True, gap="small"):
            for label, ending in TABLES.items():
                st.link_button(formatting.plain(label), url=f"/api/exports/{subject}.{ending}{query}")
        if texts:
            st.text("What was said, a file for each recording")
            with st.container(horizontal=True, gap="small"):
                for label, name in TEXTS.items():
                    st.link_button(formatting.plain(label), url=f"/api/exports/{name}{query}")
            st.text("Whole calls for other systems")
            with st.container(horizontal=True, gap="small"):
                st.link_button("vCon", url=f"/api/exports/calls.vcon.jsonl{query}")
        st.caption("The download begins as soon as the first rows are ready.")


def stop(run_id: str) -> None:
    """End one of one's own exports."""
    viewer = session.viewer()
    viewer.context.exports.stop(viewer.session, run_id)


@st.fragment(run_every=LOOK_EVERY)
def running() -> None:
    """One's exports that are still being made; nothing where there are none."""
    viewer = session.viewer()
    for run in viewer.context.exports.of(viewer.session):
        with st.container(horizontal=True, vertical_alignment="center", border=True):
            if run.rows is None:
                st.text(f"{run.name}: collecting")
            else:
                done = formatting.number(run.done, "")
                st.text(f"{run.name}: {done} of {formatting.number(run.rows, '')}")
                st.progress(min(1.0, run.done / run.rows) if run.rows else 1.0, width=200)
            st.button("Stop", key=f"stop_{run.run_id}", on_click=stop, args=(run.run_id,))
