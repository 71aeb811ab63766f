"""The console's screens and widgets. They ask the core, in thread workers, and own no logic of it."""
