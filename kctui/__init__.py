"""kctui: bring your own keys to AWS KMS from a terminal."""

__version__ = "0.1.0"
