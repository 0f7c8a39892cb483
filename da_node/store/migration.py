"""The store's format version, and the steps from older ones to the present.

Each step takes a store of one version to the next. The version is raised, and synced, after its
step: a crash between leaves a store of the older version with some of the step done, and the
next start runs the step again. So a step must be able to run on its own half-done work.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from da_node.errors import UnsupportedVersion
from da_node.store.door import Database, Put
from da_node.store.layout import FORMAT_KEY, FORMAT_VERSION
from da_node.store.records import number_value, parse_number

Migration = Callable[[Database], None]

MIGRATIONS: Final[Mapping[int, Migration]] = {}
"""By the version that a step starts from. Version 1 is the first."""


def bring_up_to_date(
    database: Database,
    *,
    version: int = FORMAT_VERSION,
    migrations: Mapping[int, Migration] = MIGRATIONS,
) -> None:
    """Make the store one of `version`. UnsupportedVersion if it is newer; StoreFault."""
    value = database.get_many([FORMAT_KEY])[0]
    # A store without a version is one that was just created: nothing precedes this write.
    found = version if value is None else parse_number(value)
    if found > version:
        raise UnsupportedVersion(what="the store", value=found, bound=version)
    if value is None:
        _set_version(database, version)
    for older in range(found, version):
        migrations[older](database)
        _set_version(database, older + 1)


def _set_version(database: Database, version: int) -> None:
    database.write([Put(FORMAT_KEY, number_value(version))])
    database.sync()
