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
    sa.Column("recorded_bytes", sa.BigInteger, nullable=False, server_default="0"),  # sum over kept_recording
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
    sa.Column("originals", sa.Boolean, nullable=False, server_default=sa.false()),  # may see and hear what is redacted
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

# What people put right in a transcript: every row is one change, the latest of an utterance and kind counts.
transcript_edit = sa.Table(
    "transcript_edit",
    metadata,
    sa.Column("edit_id", sa.String(32), primary_key=True),
    sa.Column("tenant_id", sa.ForeignKey("tenant.tenant_id"), nullable=False),
    sa.Column("call_id", sa.String(32), nullable=False),
    sa.Column("recording_id", sa.String(32), nullable=False),
    sa.Column("utterance_id", sa.String(64), nullable=False),  # "" for a name
    sa.Column("kind", sa.String(8), nullable=False),  # text, party (whose utterance it is), name (of a party)
    sa.Column("party", sa.String(8), nullable=False),  # caller or callee: of the utterance or the name
    sa.Column("text", sa.Text),  # null: what the engine heard counts again
    sa.Column("author_id", sa.ForeignKey("person.person_id"), nullable=False),
    sa.Column("idempotency_key", sa.String(64), nullable=False),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("changed_seq", sa.Integer, nullable=False, index=True),  # grows with every change; ingest's offset
    sa.UniqueConstraint("tenant_id", "author_id", "idempotency_key"),
    sa.Index("transcript_edit_by_recording", "tenant_id", "recording_id", "changed_seq"),
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
    sa.Column("state", sa.String(16), nullable=False),  # ready, leased, done, failed, cancelled
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

job_turn = sa.Table(
    "job_turn",
    metadata,
    sa.Column("kind", sa.String(32), primary_key=True),
    sa.Column("tenant_id", sa.String(32), primary_key=True),  # "": all tenants, for a pause
    sa.Column("turn", sa.Integer, nullable=False, server_default="0"),  # of its last job; the lowest is next
    sa.Column("paused_at", sa.Float),  # set: no job of it is begun
)

untranscribed_call = sa.Table(
    "untranscribed_call",
    metadata,
    sa.Column("tenant_id", sa.ForeignKey("tenant.tenant_id"), primary_key=True),
    sa.Column("call_id", sa.String(32), primary_key=True),  # also of a call that still runs
    sa.Column("by", sa.Text, nullable=False),  # whoever wished that nobody reads it: a token's or a person's id
    sa.Column("at", sa.Float, nullable=False),
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

# the exchange of a tenant: one document, every version kept

pbx_model = sa.Table(
    "pbx_model",
    metadata,
    sa.Column("tenant_id", sa.ForeignKey("tenant.tenant_id"), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),  # from 1; the highest is in force
    sa.Column("document", sa.Text, nullable=False),  # JSON of domain.model.Model
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("comment", sa.Text, nullable=False, server_default=""),
    sa.Column("undoes", sa.Integer),  # the version that this one took back
    sa.Column("created_at", sa.Float, nullable=False),
)

did_number = sa.Table(  # whose a public number is: no two tenants have the same
    "did_number",
    metadata,
    sa.Column("number", sa.String(20), primary_key=True),  # E.164
    sa.Column("tenant_id", sa.ForeignKey("tenant.tenant_id"), nullable=False, index=True),
)

user_setting = sa.Table(
    "user_setting",
    metadata,
    sa.Column("tenant_id", sa.ForeignKey("tenant.tenant_id"), primary_key=True),
    sa.Column("number", sa.String(16), primary_key=True),
    sa.Column("settings", sa.Text, nullable=False),  # JSON of domain.model.UserSettings
    sa.Column("changed_at", sa.Float, nullable=False),
    sa.Column("changed_by", sa.Text, nullable=False),  # phone, person id
)

secret = sa.Table(  # what must be known again in clear, encrypted with the key file of the data directory
    "secret",
    metadata,
    sa.Column("tenant_id", sa.ForeignKey("tenant.tenant_id"), primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),  # trunk:<id>
    sa.Column("sealed", sa.Text, nullable=False),
    sa.Column("changed_at", sa.Float, nullable=False),
)

# what runs now; rows of a worker go with it

live_call = sa.Table(
    "live_call",
    metadata,
    sa.Column("tenant_id", sa.String(32), primary_key=True),
    sa.Column("call_id", sa.String(32), primary_key=True),
    sa.Column("worker", sa.String(32), nullable=False, index=True),
    sa.Column("state", sa.String(16), nullable=False),  # ringing, talking, parked, waiting, menu, …
    sa.Column("extensions", sa.Text, nullable=False),  # JSON list: that ring or talk in it
    sa.Column("slot", sa.String(16), nullable=False, server_default=""),  # park slot
    sa.Column("detail", sa.Text, nullable=False),  # JSON for people: caller, callee, since, queue, recording …
    sa.Column("changed_at", sa.Float, nullable=False),
    sa.Index("live_call_slot", "tenant_id", "slot"),
)

live_room = sa.Table(
    "live_room",
    metadata,
    sa.Column("tenant_id", sa.String(32), primary_key=True),
    sa.Column("room", sa.String(16), primary_key=True),
    sa.Column("worker", sa.String(32), nullable=False, index=True),
    sa.Column("people", sa.Integer, nullable=False),
    sa.Column("since", sa.Float, nullable=False),
)

followed_call = sa.Table(  # a running call that somebody reads along with: its words are recognised while it runs
    "followed_call",
    metadata,
    sa.Column("tenant_id", sa.String(32), primary_key=True),
    sa.Column("call_id", sa.String(32), primary_key=True),
    sa.Column("asked_at", sa.Float, nullable=False),  # first; who asked first is served first
    sa.Column("until", sa.Float, nullable=False, index=True),  # renewed by the page that is looked at
)

trunk_state = sa.Table(
    "trunk_state",
    metadata,
    sa.Column("tenant_id", sa.String(32), primary_key=True),
    sa.Column("trunk_id", sa.String(64), primary_key=True),
    sa.Column("registered_until", sa.Float),  # null: does not register, or is not registered
    sa.Column("circuit", sa.String(16), nullable=False),  # closed, open, half_open
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),  # in a row
    sa.Column("calls", sa.Integer, nullable=False, server_default="0"),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column("changed_at", sa.Float, nullable=False),
)

queue_call = sa.Table(  # who waits: a live call, or a number that is to be called back
    "queue_call",
    metadata,
    sa.Column("tenant_id", sa.String(32), primary_key=True),
    sa.Column("entry_id", sa.String(32), primary_key=True),  # the call's id, or the call-back's
    sa.Column("queue", sa.String(64), nullable=False),
    sa.Column("worker", sa.String(32), nullable=False, index=True),  # "" for a call-back
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("joined_at", sa.Float, nullable=False),  # the place in the line
    sa.Column("state", sa.String(16), nullable=False),  # waiting, offered, talking, callback, calling
    sa.Column("offer_id", sa.String(32)),
    sa.Column("not_before", sa.Float, nullable=False, server_default="0"),  # of a call-back's next try
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("lease_until", sa.Float, nullable=False, server_default="0"),  # an offer, a call-back's try ends by then
    sa.Column("from_call", sa.String(32), nullable=False, server_default=""),  # that asked for the call-back
    sa.Index("queue_call_line", "tenant_id", "queue", "joined_at"),
)

agent = sa.Table(
    "agent",
    metadata,
    sa.Column("tenant_id", sa.ForeignKey("tenant.tenant_id"), primary_key=True),
    sa.Column("queue", sa.String(64), primary_key=True),
    sa.Column("number", sa.String(16), primary_key=True),
    sa.Column("logged_in_at", sa.Float),
    sa.Column("pause_reason", sa.Text),  # null: not paused
    sa.Column("paused_at", sa.Float),
    sa.Column("offer_id", sa.String(32)),  # rings with this offer now
    sa.Column("offered_at", sa.Float),  # last
    sa.Column("entry_id", sa.String(32)),  # talks with this caller now
    sa.Column("wrap_up_until", sa.Float, nullable=False, server_default="0"),
    sa.Column("idle_since", sa.Float, nullable=False, server_default="0"),
    sa.Column("calls", sa.Integer, nullable=False, server_default="0"),  # answered since log-in
    sa.Column("talk_s", sa.Float, nullable=False, server_default="0"),  # in these calls
    sa.Column("missed", sa.Integer, nullable=False, server_default="0"),  # offers not answered, in a row
)

voicemail_message = sa.Table(
    "voicemail_message",
    metadata,
    sa.Column("tenant_id", sa.ForeignKey("tenant.tenant_id"), primary_key=True),
    sa.Column("message_id", sa.String(32), primary_key=True),  # the recording's id
    sa.Column("mailbox", sa.String(16), nullable=False),
    sa.Column("call_id", sa.String(32), nullable=False),
    sa.Column("caller", sa.Text, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("left_at", sa.Float, nullable=False),
    sa.Column("heard_at", sa.Float),
    sa.Column("deleted_at", sa.Float),
    sa.Index("voicemail_by_mailbox", "tenant_id", "mailbox", "left_at"),
)

# outbound informing

campaign = sa.Table(
    "campaign",
    metadata,
    sa.Column("tenant_id", sa.ForeignKey("tenant.tenant_id"), primary_key=True),
    sa.Column("campaign_id", sa.String(32), primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("rules", sa.Text, nullable=False),  # JSON: sounds, pacing, quiet hours, retries, keys
    sa.Column("state", sa.String(16), nullable=False),  # draft, running, paused, done, cancelled
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("finished_at", sa.Float),
)

campaign_number = sa.Table(
    "campaign_number",
    metadata,
    sa.Column("tenant_id", sa.String(32), primary_key=True),
    sa.Column("campaign_id", sa.String(32), primary_key=True),
    sa.Column("number", sa.String(20), primary_key=True),
    sa.Column("state", sa.String(16), nullable=False),  # ready, calling, reached, acknowledged, opted_out, failed
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("not_before", sa.Float, nullable=False, server_default="0"),
    sa.Column("call_id", sa.String(32)),  # of the last try, made before it is dialled
    sa.Column("key", sa.String(1)),  # pressed
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column("changed_at", sa.Float, nullable=False),
    sa.Index("campaign_next", "tenant_id", "campaign_id", "state", "not_before"),
)

campaign_try = sa.Table(  # one call of a campaign, written before it is dialled
    "campaign_try",
    metadata,
    sa.Column("tenant_id", sa.String(32), primary_key=True),
    sa.Column("call_id", sa.String(32), primary_key=True),
    sa.Column("campaign_id", sa.String(32), nullable=False),
    sa.Column("number", sa.String(20), nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),  # from 1
    sa.Column("started_at", sa.Float, nullable=False),
    sa.Column("ended_at", sa.Float, index=True),  # null: under way
    sa.Column("result", sa.String(16), nullable=False, server_default=""),
    sa.Column("key", sa.String(1), nullable=False, server_default=""),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Index("campaign_try_of", "tenant_id", "campaign_id", "started_at"),
)

opt_out = sa.Table(
    "opt_out",
    metadata,
    sa.Column("tenant_id", sa.ForeignKey("tenant.tenant_id"), primary_key=True),
    sa.Column("number", sa.String(20), primary_key=True),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("campaign_id", sa.String(32), nullable=False),
)

# access by programs and phones

api_token = sa.Table(
    "api_token",
    metadata,
    sa.Column("token_sha256", sa.String(64), primary_key=True),
    sa.Column("tenant_id", sa.String(32), nullable=False, index=True),  # "" the operator of the service
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("rights", sa.Text, nullable=False),  # comma separated: read, listen, control, model
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("revoked_at", sa.Float),
)

api_request = sa.Table(  # what was asked with an idempotency key, and what was answered
    "api_request",
    metadata,
    sa.Column("tenant_id", sa.String(32), primary_key=True),
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("request_sha256", sa.String(64), nullable=False),  # the same key with another request is refused
    sa.Column("object_id", sa.String(32), nullable=False),  # made before anything is done
    sa.Column("answer", sa.Text),  # JSON; null: it began and its outcome is not known
    sa.Column("created_at", sa.Float, nullable=False, index=True),
)

provisioning = sa.Table(  # one-time secrets by which a phone fetches its configuration
    "provisioning",
    metadata,
    sa.Column("secret_sha256", sa.String(64), primary_key=True),
    sa.Column("tenant_id", sa.ForeignKey("tenant.tenant_id"), nullable=False),
    sa.Column("number", sa.String(16), nullable=False),
    sa.Column("vendor", sa.String(32), nullable=False),
    sa.Column("mac", sa.String(12), nullable=False, server_default=""),
    sa.Column("transport", sa.String(3), nullable=False, server_default="tls"),  # how the phone is to sign in
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("expires_at", sa.Float, nullable=False),
    sa.Column("used_at", sa.Float),
    sa.Column("used_from", sa.Text),
)

# keeping of recordings

legal_hold = sa.Table(
    "legal_hold",
    metadata,
    sa.Column("tenant_id", sa.ForeignKey("tenant.tenant_id"), primary_key=True),
    sa.Column("call_id", sa.String(32), primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("released_at", sa.Float),
)

kept_recording = sa.Table(  # every recording that still exists: retention, quota and the store it lies in
    "kept_recording",
    metadata,
    sa.Column("tenant_id", sa.String(32), primary_key=True),
    sa.Column("recording_id", sa.String(32), primary_key=True),
    sa.Column("call_id", sa.String(32), nullable=False, index=True),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("started_at", sa.Float, nullable=False, index=True),
    sa.Column("remote", sa.Boolean, nullable=False, server_default="0"),  # is in the object store as well
    sa.Column("local", sa.Boolean, nullable=False, server_default="1"),
    sa.Column("deleted_at", sa.Float),  # with the reason in the audit
)

# webhooks

webhook_endpoint = sa.Table(
    "webhook_endpoint",
    metadata,
    sa.Column("tenant_id", sa.ForeignKey("tenant.tenant_id"), primary_key=True),
    sa.Column("endpoint_id", sa.String(32), primary_key=True),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("events", sa.Text, nullable=False),  # comma separated
    sa.Column("state", sa.String(16), nullable=False),  # active, disabled
    sa.Column("reason", sa.Text, nullable=False, server_default=""),  # why it is disabled, or what failed last
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),  # in a row
    sa.Column("failing_since", sa.Float),  # the first of them
    sa.Column("paused_until", sa.Float, nullable=False, server_default="0"),
    sa.Column("old_secret_until", sa.Float),  # after a change of the secret both sign until then
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("since", sa.Float, nullable=False),  # added or enabled: what became known before is not told
    sa.Column("changed_at", sa.Float, nullable=False),
)

webhook_event = sa.Table(  # what is told: the very bytes that are signed and sent
    "webhook_event",
    metadata,
    sa.Column("tenant_id", sa.String(32), primary_key=True),
    sa.Column("event_id", sa.String(40), primary_key=True),  # derived from the fact: the same fact is told once
    sa.Column("type", sa.String(32), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("created_at", sa.Float, nullable=False, index=True),
)

webhook_delivery = sa.Table(
    "webhook_delivery",
    metadata,
    sa.Column("tenant_id", sa.String(32), primary_key=True),
    sa.Column("endpoint_id", sa.String(32), primary_key=True),
    sa.Column("event_id", sa.String(40), primary_key=True),
    sa.Column("state", sa.String(16), nullable=False),  # waiting, delivered, given_up
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("not_before", sa.Float, nullable=False),
    sa.Column("status", sa.Integer),  # HTTP, of the last try; null: no answer
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column("created_at", sa.Float, nullable=False, index=True),
    sa.Column("changed_at", sa.Float, nullable=False),
    sa.Index("webhook_delivery_due", "tenant_id", "endpoint_id", "state", "not_before"),
)

webhook_offset = sa.Table(  # how far the journals are read for it
    "webhook_offset",
    metadata,
    sa.Column("segment", sa.String(200), primary_key=True),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("complete", sa.Boolean, nullable=False),
)

# reports by mail

report_schedule = sa.Table(
    "report_schedule",
    metadata,
    sa.Column("tenant_id", sa.ForeignKey("tenant.tenant_id"), primary_key=True),
    sa.Column("schedule_id", sa.String(32), primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("rhythm", sa.String(8), nullable=False),  # daily, weekly, monthly
    sa.Column("hour", sa.Integer, nullable=False),  # of the tenant's wall clock
    sa.Column("created_by", sa.String(32)),  # person; null: at the terminal
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("ended_at", sa.Float),
)

report_recipient = sa.Table(
    "report_recipient",
    metadata,
    sa.Column("tenant_id", sa.String(32), primary_key=True),
    sa.Column("schedule_id", sa.String(32), primary_key=True),
    sa.Column("person_id", sa.ForeignKey("person.person_id"), primary_key=True),
)

report_mail = sa.Table(  # one mail: the report of a slot to a person; written before it is sent
    "report_mail",
    metadata,
    sa.Column("tenant_id", sa.String(32), primary_key=True),
    sa.Column("schedule_id", sa.String(32), primary_key=True),
    sa.Column("slot", sa.String(10), primary_key=True),  # the day on which it is due
    sa.Column("person_id", sa.String(32), primary_key=True),
    sa.Column("message_id", sa.Text, nullable=False),  # the same at every try: mail servers know it again
    sa.Column("state", sa.String(8), nullable=False),  # waiting, sending, sent, failed
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("not_before", sa.Float, nullable=False),  # of the next try; while sending: the lease's end
    sa.Column("holder", sa.String(32), nullable=False, server_default=""),  # who is sending
    sa.Column("reason", sa.Text, nullable=False, server_default=""),  # what the last try met with
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("changed_at", sa.Float, nullable=False),
    sa.Index("report_mail_due", "state", "not_before"),
)
