"""Alembic's entry: runs each migration in one transaction on the configured URL."""

from __future__ import annotations

from alembic import context

from pbx_core.store.engine import MIGRATION, open_engine
from pbx_core.store.schema import metadata


def run() -> None:
    url = context.config.get_main_option("sqlalchemy.url")
    assert url, "sqlalchemy.url is set by pbx_core.store.engine.migrate"
    engine = open_engine(url)
    with engine.connect() as connection:
        if connection.dialect.name == "postgresql":  # several machines may start at once; let go of with the connection
            connection.exec_driver_sql(f"SELECT pg_advisory_lock({MIGRATION})")
            connection.commit()
        context.configure(
            connection=connection, target_metadata=metadata, transaction_per_migration=True, render_as_batch=True
        )
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


run()
