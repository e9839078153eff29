"""Conversations: calls that are one story in one row; a row opens the rule that classed it, its facts and its calls."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import pandas as pd
import streamlit as st

from analytics import queries
from analytics.conversations import rules
from analytics.conversations.rules import ConversationClass
from analytics.queries import conversations
from dashboard import downloads, formatting, period, player, session
from dashboard.web import filters, naming
from pbx_core.errors import InputError

PAGE_ROWS = 50
ANY = "Any"
NAMES = {
    ConversationClass.ANSWERED: "Answered",
    ConversationClass.ANSWERED_ELSEWHERE: "Answered elsewhere",
    ConversationClass.VOICEMAIL: "Voicemail",
    ConversationClass.OUT_OF_HOURS: "Out of hours",
    ConversationClass.ABANDONED: "Abandoned",
    ConversationClass.BLOCKED: "Blocked",
    ConversationClass.MISSED: "Missed",
    ConversationClass.REACHED: "Reached",
    ConversationClass.NOT_REACHED: "Not reached",
}
DIRECTIONS = {
    "inbound": "From outside",
    "outbound": "To outside",
    "internal": "Internal",
    "callback": "Called back",
    "informing": "Informed by us",
    "click": "Placed by a program",
}
WITHHELD = "Number withheld"
AMONG_US = "Among ourselves"


def put(name: str, value: str | None) -> None:
    """Change the address."""
    if value:
        st.query_params[name] = value
    else:
        st.query_params.pop(name, None)


def take(name: str) -> None:
    """Put a filter's value into the address; the list starts again from its top."""
    value = st.session_state[f"conversation_{name}"]
    put("cursor", None)
    put(name, next((str(k) for k, v in NAMES.items() if v == value), None) if name == "class" else value)


def bar(since: datetime, until: datetime) -> None:
    """What is looked for, and the way to take it along."""
    params = st.query_params
    st.session_state["conversation_class"] = NAMES.get(params.get("class", ""), ANY)  # type: ignore[call-overload]
    st.session_state["conversation_number"] = params.get("number", "")[: filters.TEXT_CHARS_MAX]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Result", [ANY, *NAMES.values()], key="conversation_class", on_change=take, args=("class",), width=220
        )
        st.text_input(
            "Number outside",
            max_chars=filters.TEXT_CHARS_MAX,
            placeholder="Number",
            key="conversation_number",
            on_change=take,
            args=("number",),
            width=220,
        )
        picked = {name: params[name] for name in ("class", "number") if params.get(name)}
        downloads.popover("conversations", {"since": since.isoformat(), "until": until.isoformat(), **picked})


def who(row: Any) -> str:
    """The other side."""
    if row.outside_number:
        return str(row.outside_number)
    return WITHHELD if row.direction == "inbound" else AMONG_US


def moment(at: Any, viewer: session.Viewer) -> str:
    """A time with its day, in the tenant's zone."""
    return "" if pd.isna(at) else f"{pd.Timestamp(at).tz_convert(viewer.zone):%d %b %Y %H:%M:%S}"


def line(row: Any, viewer: session.Viewer, names: dict[str, str]) -> dict[str, Any]:
    """A row of the list."""
    cells = [
        moment(row.started_at, viewer), NAMES[row.class_], who(row), DIRECTIONS.get(row.direction, row.direction),
        formatting.party(row.answered_by, names), str(row.calls),
        formatting.seconds(row.wait_s), formatting.seconds(row.talk_s) if row.talk_s else "",
        formatting.queue(row.queue, names),
        "yes" if row.recovered_by else "",
    ]  # fmt: skip
    return {"href": address(row.conversation_id), "key": row.conversation_id, "cells": cells}


def address(conversation_id: str) -> str:
    """Where this conversation is shown."""
    return f"/conversations?{urlencode({**period.parameters(), 'conversation': conversation_id})}"


def listed(viewer: session.Viewer, since: datetime, until: datetime) -> None:
    """The list."""
    bar(since, until)
    params = st.query_params
    downloads.running()
    frame, following = conversations.conversations(
        viewer.reader(), viewer.scope, since, until, kind=params.get("class"), number=params.get("number"),
        cursor=params.get("cursor"), limit=PAGE_ROWS,
    )  # fmt: skip
    if frame.empty:
        with st.container(border=True):
            st.subheader("No conversations here", anchor=False)
            st.text("Choose a longer period, or take a filter away.")
        return
    heads = ["Began", "Result", "With", "Direction", "Who talked", "Calls", "Waited", "Talked", "Queue", "Made good"]
    names = naming.names(viewer.context, viewer.session)
    rows = [line(r, viewer, names) for r in frame.rename(columns={"class": "class_"}).itertuples()]
    opened = player.linked("conversations", "Conversations", heads, rows)
    with st.container(horizontal=True, horizontal_alignment="center"):
        if params.get("cursor"):
            st.button("Newest", on_click=put, args=("cursor", None))
        if following:
            st.button("Older", on_click=put, args=("cursor", following))
    if opened and opened != params.get("conversation"):
        put("conversation", opened)
        st.rerun()


def why(detail: conversations.ConversationDetail) -> None:
    """The rule and the facts by which it held."""
    with st.container(border=True, gap="xsmall", key="why"):
        st.subheader(f"Why: {formatting.plain(NAMES[detail.rule.gives])}", anchor=False)
        st.text(detail.rule.words)
        for fact in detail.evidence:
            st.text(f"• {fact.says}")
        st.text(f"Rule {detail.rule.id}, definition {detail.row['definition_version']}")


def story(detail: conversations.ConversationDetail, viewer: session.Viewer) -> None:
    """Every call, and why it belongs here."""
    st.subheader("Its calls", anchor=False)
    heads = ["Began", "From", "To", "Who talked", "What happened", "Talked", "Why it belongs here"]
    names = naming.names(viewer.context, viewer.session)
    rows = []
    for c in detail.calls.itertuples():
        what = c.cause if not c.queue else f"{c.cause}; queue {formatting.queue(c.queue, names)}: {c.queue_result}"
        cells = [
            moment(c.started_at, viewer),
            *(formatting.party(number, names) for number in (c.caller_number, c.callee_number, c.answered_by)),
            "message left" if c.voicemail else what, formatting.seconds(c.talk_s) if c.talk_s else "",
            rules.ROLES[c.role],
        ]  # fmt: skip
        rows.append({"href": review(c.call_id) if c.mine else None, "key": None, "cells": cells})
    player.linked("story", "Calls of this conversation", heads, rows)


def review(call_id: str) -> str:
    """Where this call is heard and read."""
    return f"/review?{urlencode({'call': call_id})}"


def around(row: dict[str, Any], viewer: session.Viewer) -> None:
    """What came before and after, with the same number."""
    links = (
        (row["repeat_of"], "The conversation before, with the same number"),
        (row["repeated_by"], "The next one with the same number"),
        (row["recovered_by"], f"Somebody talked with this caller later: {row['recovered_agent']}"),
    )
    with st.container(horizontal=True):
        for conversation_id, text in links:
            if conversation_id and conversations.conversation(viewer.reader(), viewer.scope, conversation_id):
                st.button(
                    formatting.plain(text), key=f"go_{text[:12]}", on_click=put, args=("conversation", conversation_id)
                )


def opened(viewer: session.Viewer, conversation_id: str) -> None:
    """One conversation."""
    st.button("← All conversations", on_click=put, args=("conversation", None))
    detail = conversations.conversation(viewer.reader(), viewer.scope, conversation_id)
    if detail is None:
        st.subheader("There is no such conversation", anchor=False)
        st.text("It may belong to others, or a later call has joined it to another one.")
        return
    row = detail.row
    other = row["outside_number"] or (WITHHELD if row["direction"] == "inbound" else AMONG_US)
    st.subheader(formatting.plain(str(other)), anchor=False)
    names = naming.names(viewer.context, viewer.session)
    agents = ", ".join(formatting.party(agent, names) for agent in json.loads(row["agents"]))
    talked = f"{agents or 'Somebody'} talked {formatting.seconds(row['talk_s'])}" if row["talk_s"] else "Nobody talked"
    st.text(
        f"{DIRECTIONS.get(row['direction'], row['direction'])}, {moment(row['started_at'], viewer)} to "
        f"{moment(row['ended_at'], viewer)}. {talked}, after a wait of {formatting.seconds(row['wait_s'])}."
    )
    why(detail)
    story(detail, viewer)
    around(row, viewer)


def content() -> None:
    """The page."""
    viewer = session.viewer()
    st.title("Conversations", anchor=False)
    viewer.reader()
    try:
        if wanted := st.query_params.get("conversation"):
            opened(viewer, wanted)
            return
        since, until = period.chosen(viewer)
        listed(viewer, since, until)
    except InputError as error:
        st.subheader("This address does not fit", anchor=False)
        st.text(str(error))
        return
    fresh = queries.freshness(viewer.reader())["last_ingest_at"]
    st.text(f"Data as of {formatting.moment(fresh, viewer.zone)}, times in {viewer.zone.key}")


content()
