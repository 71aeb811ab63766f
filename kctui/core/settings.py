"""The configuration file of a home: which database, and what a user may set by hand."""

import json
import re
import tomllib
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from kctui.core.errors import ConfigurationError, InvalidInputError
from kctui.core.paths import Home, write_private

FORMAT = 1
_PASSWORDS = {"password", "sslpassword"}


@dataclass(frozen=True)
class Settings:
    """What config.toml says. database: an SQLAlchemy URL, or None for the SQLite file of the home.

    keys: action name → key, for the console's bindings.
    """

    database: str | None = None
    keys: dict[str, str] = field(default_factory=dict)

    def database_url(self, home: Home) -> str:
        """The URL of the database of `home`."""
        return self.database or f"sqlite:///{home.database}"


def load_settings(home: Home) -> Settings:
    """Read config.toml. Raises NotInitialisedError or ConfigurationError, which names line and key."""
    home.require()
    remedy = f"Correct {home.config}."
    try:
        data = tomllib.loads(home.config.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError("The configuration cannot be read", detail=str(error), remedy=remedy) from None
    unknown = set(data) - {"format", "database", "keys"}
    if unknown:
        raise ConfigurationError(f"The configuration has an unknown entry: {', '.join(sorted(unknown))}", remedy=remedy)
    if data.get("format") != FORMAT:
        raise ConfigurationError(
            f"The configuration is of format {data.get('format')!r}; this kctui reads {FORMAT}",
            remedy="Use the kctui that made this home, or a newer one.",
        )
    database = data.get("database")
    if database is not None and not isinstance(database, str):
        raise ConfigurationError("The configuration's `database` is not text", remedy=remedy)
    keys = data.get("keys", {})
    if not isinstance(keys, dict) or not all(isinstance(v, str) for v in keys.values()):
        raise ConfigurationError('The configuration\'s [keys] must be `action = "key"` lines', remedy=remedy)
    return Settings(database=check_database_url(database), keys=keys)


def check_database_url(url: str | None) -> str | None:
    """Accept the PostgreSQL form only, without a password in it: config.toml is no place for a secret."""
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme != "postgresql+psycopg" or port == 0 or not re.fullmatch(r"/[^/]+", parts.path):
        raise InvalidInputError(
            "The database must be named as postgresql+psycopg://USER@HOST/DATABASE",
            remedy="Leave --database out to keep the state in SQLite.",
            field="database",
        )
    if parts.password or _PASSWORDS & parse_qs(parts.query, keep_blank_values=True).keys():
        raise InvalidInputError(
            "The database URL holds a password",
            remedy="Put it into ~/.pgpass (or a PostgreSQL service file) and leave it out of the URL.",
            field="database",
        )
    return url


def save_settings(home: Home, settings: Settings) -> None:
    """Write config.toml, which turns the directory into a home. Raises StoreError."""
    lines = ["# kctui: see `kctui --help`. No secrets in here.", f"format = {FORMAT}"]
    if settings.database:
        lines.append(f"database = {_toml(settings.database)}")
    if settings.keys:
        lines += ["", "[keys]", *(f"{name} = {_toml(key)}" for name, key in settings.keys.items())]
    write_private(home, home.config, "\n".join(lines) + "\n")


def _toml(text: str) -> str:
    """A TOML basic string: JSON's escapes are among TOML's, which wants DEL escaped too."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
