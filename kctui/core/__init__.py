"""The engine: vault, journal, AWS and store. It knows no screen and no command line."""
