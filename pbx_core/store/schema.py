"""Tables of the operational database (SQLAlchemy Core). Times are UTC epoch seconds (REAL): they compare and index
the same in SQLite and PostgreSQL. Migrations live beside it; a test holds both equal."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

tenant = sa.Table(
    "tenant",
    metadata,
    sa.Column("tenant_id", sa.String(32), primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("domain", sa.Text, nullable=False, unique=True),  # lower case; SIP host and digest realm
    sa.Column("time_zone", sa.Text, nullable=False, server_default="UTC"),
    sa.Column("languages", sa.Text, nullable=False, server_default="en"),  # spoken there, comma separated
    sa.Column("created_at", sa.Float, nullable=False),
)

extension = sa.Table(
    "extension",
    metadata,
    sa.Column("tenant_id", sa.ForeignKey("tenant.tenant_id"), primary_key=True),
    sa.Column("number", sa.String(16), primary_key=True),
    sa.Column("display_name", sa.Text, nullable=False, server_default=""),
    sa.Column("ha1_md5", sa.String(32), nullable=False),
    sa.Column("ha1_sha256", sa.String(64), nullable=False),
    sa.Column("created_at", sa.Float, nullable=False),
)

binding = sa.Table(
    "binding",
    metadata,
    sa.Column("tenant_id", sa.ForeignKey("tenant.tenant_id"), primary_key=True),
    sa.Column("number", sa.String(16), primary_key=True),
    sa.Column("contact", sa.Text, primary_key=True),  # URI as the phone gave it
    sa.Column("source", sa.Text, nullable=False),  # transport:host:port the REGISTER came from; where requests go
    sa.Column("call_id", sa.Text, nullable=False),
    sa.Column("cseq", sa.Integer, nullable=False),
    sa.Column("q", sa.Float, nullable=False, server_default="1"),
    sa.Column("user_agent", sa.Text, nullable=False, server_default=""),
    sa.Column("instance", sa.Text, nullable=False, server_default=""),
    sa.Column("registered_at", sa.Float, nullable=False),
    sa.Column("expires_at", sa.Float, nullable=False),
)

person = sa.Table(
    "person",
    metadata,
    sa.Column("person_id", sa.String(32), primary_key=True),
    sa.Column("tenant_id", sa.ForeignKey("tenant.tenant_id"), nullable=False, index=True),
    sa.Column("email", sa.Text, nullable=False, unique=True),  # lower case
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("role", sa.String(16), nullable=False),  # owner, manager, agent, analyst
    sa.Column("extension", sa.String(16)),  # the agent's own number: the calls he may see
    sa.Column("password_hash", sa.Text, nullable=False),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("disabled_at", sa.Float),
)

web_session = sa.Table(
    "web_session",
    metadata,
    sa.Column("token_sha256", sa.String(64), primary_key=True),
    sa.Column("tenant_id", sa.ForeignKey("tenant.tenant_id"), nullable=False),
    sa.Column("person_id", sa.ForeignKey("person.person_id"), nullable=False, index=True),
    sa.Column("csrf", sa.String(64), nullable=False),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("seen_at", sa.Float, nullable=False),
    sa.Column("ended_at", sa.Float),
)

login_attempt = sa.Table(
    "login_attempt",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("at", sa.Float, nullable=False, index=True),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("email_sha256", sa.String(64), nullable=False),
    sa.Column("ok", sa.Boolean, nullable=False),
)

comment = sa.Table(
    "comment",
    metadata,
    sa.Column("comment_id", sa.String(32), primary_key=True),
    sa.Column("tenant_id", sa.ForeignKey("tenant.tenant_id"), nullable=False),
    sa.Column("call_id", sa.String(32), nullable=False),
    sa.Column("author_id", sa.ForeignKey("person.person_id"), nullable=False),
    sa.Column("at_s", sa.Float),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("idempotency_key", sa.String(64), nullable=False),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("deleted_at", sa.Float),
    sa.Column("changed_seq", sa.Integer, nullable=False, index=True),  # grows with every change; ingest's offset
    sa.UniqueConstraint("tenant_id", "author_id", "idempotency_key"),
    sa.Index("comment_by_call", "tenant_id", "call_id"),
)

audit = sa.Table(
    "audit",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("tenant_id", sa.String(32), nullable=False, index=True),
    sa.Column("person_id", sa.String(32)),
    sa.Column("action", sa.Text, nullable=False),  # signed_in, listened, commented, …
    sa.Column("object_id", sa.Text, nullable=False, server_default=""),
    sa.Column("session", sa.String(16), nullable=False, server_default=""),  # start of the web session's token hash
    sa.Index("audit_by_object", "tenant_id", "object_id", "at"),
)

job = sa.Table(
    "job",
    metadata,
    sa.Column("kind", sa.String(32), primary_key=True),  # transcribe
    sa.Column("job_id", sa.String(64), primary_key=True),  # recording_id for transcribe: enqueueing twice is harmless
    sa.Column("tenant_id", sa.String(32), nullable=False),
    sa.Column("payload", sa.Text, nullable=False),  # JSON
    sa.Column("state", sa.String(16), nullable=False),  # ready, leased, done, failed
    sa.Column("priority", sa.Integer, nullable=False, server_default="0"),  # higher first
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("not_before", sa.Float, nullable=False, server_default="0"),
    sa.Column("leased_by", sa.Text),
    sa.Column("leased_until", sa.Float),
    sa.Column("reason", sa.Text),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("finished_at", sa.Float),
    sa.Index("job_next", "kind", "state", "priority", "created_at"),
)

service = sa.Table(
    "service",
    metadata,
    sa.Column("name", sa.String(32), primary_key=True),  # edge, worker-0, recorder, …
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("started_at", sa.Float, nullable=False),
    sa.Column("heartbeat_at", sa.Float, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),  # JSON; a worker: {"sip_port", "capacity_calls", "calls"}
)
