"""The operational database (SQLite in WAL mode by default): schema, migrations, directory, jobs, sessions."""
