"""The migrations of the database, applied by `store.Store.migrate`."""
