"""Who may see and do what. Owner and manager: all calls of the tenant, comment, put transcripts right.
Analyst: all calls, reads only. Agent: the calls of his own extension, reads only."""

from __future__ import annotations

from analytics.queries import Scope
from pbx_core.store.sessions import Session

NO_EXTENSION = "-"  # matches no number: an agent without an extension sees nothing


def scope(session: Session) -> Scope:
    """The calls this person may see."""
    if session.role in ("owner", "manager", "analyst"):
        return Scope(session.tenant_id, hide=session.hide)
    return Scope(session.tenant_id, session.extension or NO_EXTENSION, session.hide)


def may_see_originals(session: Session) -> bool:
    """Whether this person reads and hears what is hidden from others. No role has it: it is given to a person."""
    return session.hide is None


def may_comment(session: Session) -> bool:
    """Whether this person may write comments."""
    return session.role in ("owner", "manager")


def may_edit(session: Session) -> bool:
    """Whether this person may put right what the engine heard."""
    return may_comment(session)


def may_hurry(session: Session) -> bool:
    """Whether a transcript that this person waits for goes first."""
    return may_comment(session)


def may_order_reports(session: Session) -> bool:
    """Whether this person decides which reports come by mail, and to whom."""
    return may_comment(session)


def may_delete_any(session: Session) -> bool:
    """Whether this person may delete what others wrote."""
    return session.role == "owner"
