"""The unit's one SQLite file."""

from sync.store.file import UnitFile as UnitFile
