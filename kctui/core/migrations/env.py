"""How Alembic runs here: on the connection that the store gives, a transaction a migration."""

from alembic import context
from sqlmodel import SQLModel

from kctui.core import model

assert model.CloudKey.__tablename__  # noqa: S101 -- the import fills SQLModel.metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    # SQLite's DDL is transactional once the driver's implicit commits are off (see store.py).
    transactional_ddl=True,
    transaction_per_migration=True,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
