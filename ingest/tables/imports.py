"""The tables of imports: what was brought in, and what in it had no counterpart."""

from __future__ import annotations

from ingest.tables.table import STAMP, Table, columns

IMPORT_RUN = Table(
    "import_run",
    "one folder or file of another exchange, brought in",
    ("tenant_id", "import_id"),
    columns(f"""
        tenant_id VARCHAR the customer
        import_id VARCHAR the same for the same content, read in the same way
        imported_at TIMESTAMPTZ when it was staged
        system VARCHAR whose unique ids its calls have
        formats VARCHAR JSON list of {{format, variant, zone, files, rows}}
        source_name VARCHAR name of the folder or file: hostile text
        first_at TIMESTAMPTZ start of the earliest call; null: no calls
        last_at TIMESTAMPTZ start of the latest call
        rows BIGINT rows read
        calls BIGINT calls they made
        recordings BIGINT sound files that belong to them
        duplicates BIGINT rows that stood there more than once
        rejects BIGINT rows put aside
        orphans BIGINT rows of import_orphan
        {STAMP}
    """),
)

IMPORT_ORPHAN = Table(
    "import_orphan",
    "one call whose sound is missing, or one sound file without a call",
    ("tenant_id", "import_id", "name"),
    columns("""
        tenant_id VARCHAR the customer
        import_id VARCHAR the import
        name VARCHAR file below the folder, or the file name that a call promises: hostile text
        kind VARCHAR no_file, no_call, empty, unreadable
        call_id VARCHAR the call; empty when none
        reason VARCHAR in a sentence
    """),
)
