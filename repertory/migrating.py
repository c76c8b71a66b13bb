"""``repertory migrate-index``: carry the index from one database to another."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from repertory.administration import BAD, GOOD, INTERRUPTED, NOT_DONE, Progress
from repertory.building import index_folder
from repertory.conf.databases import DatabaseSettings, database_of, databases_in
from repertory.conf.loading import load_settings
from repertory.conf.problems import InvalidSettings
from repertory.conf.settings import Settings
from repertory.errors import CannotStart, RepertoryError
from repertory.servers import server_engine
from repertory.storage.index.base import IndexEngine
from repertory.storage.index.held import HeldIndex
from repertory.storage.index.migration.carrying import BATCH, Migrated, Migration, Plan
from repertory.storage.index.sqlite.engine import FILE_NAME, SqliteEngine
from repertory.storage.index.sqlite.schema import VERSION

SQLITE = "SQLite"
_OF_ORTHANC = "index"

_DESCRIPTION = """\
Carry the index of an archive from one database to another: SQLite, PostgreSQL, MySQL (MariaDB) or
Odbc, in any direction. Files stay where they are. No server may run on either index; the old one is
only read, and stays as it was. Everything comes over: resources and their identifiers, metadata,
labels, jobs, the log of changes with its numbers, the trash, what the archive keeps about itself.

The new index must be empty. Rows are carried in batches, each in one transaction with the position
after it: what ends the command, however hard, the same command goes on from there. In the end all
rows of both are compared; before that, no server starts with the new one.
"""
_EPILOG = """\
what --from and --to take:
  CONFIG           a configuration (a file, or a folder of them): the index that it names
  CONFIG#SECTION   the one that a section names, whatever its EnableIndex says: PostgreSQL, MySQL,
                   Odbc, or SQLite for the file in the IndexDirectory
  FOLDER           the folder of an index in a file (repertory.db)

examples:
  systemctl stop repertory
  repertory migrate-index --from old.json --to new.json --dry-run
  repertory migrate-index --from old.json --to new.json
  repertory migrate-index --from repertory.json#SQLite --to repertory.json#PostgreSQL
  repertory migrate-index --from repertory.json --to /ssd/index

Then start the archive with the new configuration, and never again with the old one: it would know
nothing of what has happened since. Of an Orthanc, 'repertory adopt' takes the index over first.

exit:  0 all is carried over and the same, 1 the indexes differ (the new one stays unfinished),
2 it could not be done, or not to its end, 130 interrupted.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Teach ``parser`` what to carry, and where."""
    parser.description = _DESCRIPTION
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("--from", dest="source", required=True, metavar="INDEX", help="the old index")
    add("--to", dest="target", required=True, metavar="INDEX", help="the new index")
    add("--dry-run", action="store_true", help="say what would be carried, and change nothing")
    add(
        "--anew",
        action="store_true",
        help="begin anew, if the new index holds a part of a migration",
    )
    add(
        "--files-moved",
        action="store_true",
        help="the two configurations name other storages, and the files were brought there",
    )
    add(
        "--rows-at-once",
        type=_positive,
        default=BATCH,
        metavar="N",
        help=f"rows in one transaction (default: {BATCH:,})",
    )
    add("--quiet", action="store_true", help="say nothing unless something is wrong")


def run(arguments: argparse.Namespace) -> int:
    """Carry what ``arguments`` say; the exit code."""
    progress = Progress(quiet=arguments.quiet)
    try:
        source, target = _find(arguments.source), _find(arguments.target)
        _need_same_files(source, target, moved=arguments.files_moved)
        if arguments.dry_run:
            _tell_plan(_look(source, target, progress, anew=arguments.anew), source, target)
            return GOOD
        with _held(source, target) as (old, new):
            migration = Migration(old, new, batch=arguments.rows_at_once, tell=progress.show)
            migrated = migration.run(anew=arguments.anew)
    except KeyboardInterrupt:
        progress.end()
        return _say("interrupted; the same command goes on.", INTERRUPTED)
    except (InvalidSettings, RepertoryError) as error:
        progress.end()
        return _say(str(error), NOT_DONE)
    except OSError as error:
        progress.end()
        return _say(f"the folders cannot be used: {error.strerror}", NOT_DONE)
    progress.end()
    if migrated.different:
        return _tell_differences(migrated)
    if not arguments.quiet:
        _tell(migrated, target)
    return GOOD


# Which indexes


@dataclass(frozen=True, slots=True)
class _Place:
    """An index as it was named: ``settings`` where a configuration did."""

    words: str
    engine: IndexEngine
    identity: object
    kind: str
    settings: Settings | None = None
    folder: Path | None = None


def _find(words: str) -> _Place:
    path, _, section = words.partition("#")
    if not section and _is_index_folder(Path(path)):
        return _in_folder(words, Path(path), None)
    settings = load_settings(Path(path))
    if section == SQLITE:
        return _in_folder(words, index_folder(settings), settings)
    if section:
        found = databases_in(settings).get(section)
        if found is None:
            raise CannotStart(f"the configuration has no section {section}: see --help")
        return _in_server(words, section, found, settings)
    database = database_of(settings)
    if database is None:
        return _in_folder(words, index_folder(settings), settings)
    return _in_server(words, *database, settings)


def _is_index_folder(path: Path) -> bool:
    """Whether no configuration is meant: a folder with an index in it, or where one can be."""
    if path.is_dir():
        return (path / FILE_NAME).exists() or not any(path.glob("*.json"))
    return not path.exists() and not path.suffix


def _in_folder(words: str, folder: Path, settings: Settings | None) -> _Place:
    return _Place(words, SqliteEngine(folder), folder.resolve(), SQLITE, settings, folder)


def _in_server(words: str, name: str, section: DatabaseSettings, settings: Settings) -> _Place:
    return _Place(words, server_engine(name, section), section, name, settings)


def _need_same_files(source: _Place, target: _Place, *, moved: bool) -> None:
    if source.identity == target.identity:
        raise CannotStart("--from and --to name the same index.")
    if source.settings is None or target.settings is None or moved:
        return
    old, new = (Path(it.storage_directory).resolve() for it in (source.settings, target.settings))
    if old != new:
        raise CannotStart(
            "the configurations have other StorageDirectories, and files stay where they are. If"
            " you have brought them there: --files-moved."
        )


# Holding them


@contextmanager
def _held(source: _Place, target: _Place) -> Iterator[tuple[HeldIndex, HeldIndex]]:
    """Both, while no server can use them; the target's schema is made."""
    _need_source(source)
    version = target.engine.find_version()
    if version not in (0, VERSION):
        raise _other_version("new", version)
    old = source.engine.hold()
    try:
        new = target.engine.hold()
        try:
            yield old, new
        finally:
            new.close()
    finally:
        old.close()


def _look(source: _Place, target: _Place, progress: Progress, *, anew: bool) -> Plan:
    """What there is to do; at the target nothing is made for it."""
    if target.engine.find_version():
        with _held(source, target) as (old, new):
            return Migration(old, new, tell=progress.show).plan(anew=anew)
    _need_source(source)
    old = source.engine.hold()
    try:
        return Migration(old, old, tell=progress.show).count()
    finally:
        old.close()


def _need_source(source: _Place) -> None:
    version = source.engine.find_version()
    if version == VERSION:
        return
    if version:
        raise _other_version("old", version)
    if source.folder is not None and (source.folder / _OF_ORTHANC).is_file():
        raise CannotStart(
            "--from names the folder of an Orthanc: take it over first, with 'repertory adopt'."
        )
    raise CannotStart(f"there is no index in {source.words}.")


def _other_version(which: str, version: int) -> CannotStart:
    return CannotStart(
        f"the {which} index has schema version {version}, and this program {VERSION}: start the"
        " archive with it once, which brings it up to date, and stop it."
    )


# Words


def _tell_plan(plan: Plan, source: _Place, target: _Place) -> None:
    print(f"{plan.rows:,} rows would be carried from {source.kind} to {target.kind}:")  # noqa: T201
    for table, rows in plan.tables.items():
        if rows:
            print(f"  {table:20} {rows:>14,}")  # noqa: T201 - this is what the command is for
    if plan.done:
        print(f"{plan.done:,} of them are there already, from a run before.")  # noqa: T201


def _tell(migrated: Migrated, target: _Place) -> None:
    before = migrated.rows - migrated.carried
    text = f"{migrated.rows:,} rows are in {target.kind}, the same as before"
    if before:
        text += f" ({before:,} of them from a run before)"
    print(f"{text}; {migrated.seconds:.1f} s.")  # noqa: T201
    print("Start the archive with the new configuration alone: the old index is as it was.")  # noqa: T201


def _tell_differences(migrated: Migrated) -> int:
    lines = [
        f"  {it.table}: {it.before:,} rows before, {it.after:,} now"
        + ("" if it.before != it.after else ", and some of them differ")
        for it in migrated.different
    ]
    return _say(
        "the indexes are not the same, and the new one stays unfinished:\n"
        + "\n".join(lines)
        + "\nWas the old one used meanwhile? To carry all again: --anew.",
        BAD,
    )


def _say(text: str, code: int) -> int:
    print(f"repertory migrate-index: {text}", file=sys.stderr)  # noqa: T201 - for whoever started it
    return code


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be above 0")
    return number
