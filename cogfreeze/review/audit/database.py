"""A downloaded copy of OSV's database, in the layout of osv-scanner: one zip of JSON records for each ecosystem.

Which records name which package is read once from each zip and kept in the cache, so a second audit opens only the
records that it needs.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cogfreeze import atomic
from cogfreeze.errors import UsageError
from cogfreeze.review.audit import records

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cogfreeze.report import Report
    from cogfreeze.review.audit.records import Query

VARIABLE = "OSV_SCANNER_LOCAL_DB_CACHE_DIRECTORY"
# osv-scanner 2 keeps it below `osv-scalibr`, older ones below `osv-scanner`.
_LAYOUTS = ("osv-scalibr/{}/all.zip", "osv-scanner/{}/all.zip", "{}/all.zip")
_LARGEST_RECORD = 16 * 1024 * 1024
_FORM = 1


def lookup(
    queries: Iterable[Query], folder: Path, cache: Path, report: Report
) -> dict[Query, tuple[dict[str, Any], ...]]:
    """Return the records that name each package, whatever its version.

    Args:
        folder: holds `osv-scanner/{ecosystem}/all.zip` or one of the other layouts.
        cache: the machine's folder of caches.

    Raises:
        UsageError: the database lacks an ecosystem, or a zip of it is damaged.
    """
    by_ecosystem: dict[str, list[Query]] = {}
    for query in queries:
        by_ecosystem.setdefault(query.ecosystem.partition(":")[0], []).append(query)
    found: dict[Query, tuple[dict[str, Any], ...]] = {}
    for ecosystem, wanted in sorted(by_ecosystem.items()):
        path = _zip(folder, ecosystem)
        try:
            with zipfile.ZipFile(path) as archive:
                index = _index(path, archive, ecosystem, cache, report)
                for query in wanted:
                    found[query] = tuple(_record(archive, name) for name in index.get(query.name, ()))
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, KeyError, ValueError) as error:
            raise UsageError(
                f"the database is damaged: {error}", where=str(path), hint="download it again with osv-scanner"
            ) from None
    return found


def _zip(folder: Path, ecosystem: str) -> Path:
    tried = [folder / layout.format(ecosystem) for layout in _LAYOUTS]
    for path in tried:
        if path.is_file():
            return path
    raise UsageError(
        f"the database has no records of {ecosystem}",
        where=str(folder),
        hint=f"`osv-scanner --download-offline-databases` writes `{_LAYOUTS[0].format(ecosystem)}`",
    )


def _index(
    path: Path, archive: zipfile.ZipFile, ecosystem: str, cache: Path, report: Report
) -> dict[str, list[str]]:
    """Return the members of the zip that name each package."""
    status = path.stat()
    known = f"{path.absolute()}\0{status.st_size}\0{status.st_mtime_ns}\0{_FORM}"
    kept = cache / "osv" / f"{hashlib.sha256(known.encode()).hexdigest()}.json"
    with suppress(OSError, ValueError):
        index: dict[str, list[str]] = json.loads(kept.read_bytes())
        return index
    index = {}
    names = [each for each in archive.namelist() if each.endswith(".json")]
    with report.step(f"reading {len(names)} advisories of {ecosystem}", len(names)) as advance:
        for name in names:
            record = _record(archive, name)
            for each, package in records.names_of(record):
                if each.partition(":")[0] == ecosystem and name not in index.setdefault(package, []):
                    index[package].append(name)
            advance(1)
    with suppress(OSError):  # kept only to be quicker next time
        kept.parent.mkdir(parents=True, exist_ok=True)
        atomic.write(kept, json.dumps(index, separators=(",", ":")).encode())
    return index


def _record(archive: zipfile.ZipFile, name: str) -> dict[str, Any]:
    if archive.getinfo(name).file_size > _LARGEST_RECORD:
        raise ValueError(f"`{name}` is larger than {_LARGEST_RECORD} bytes")
    record = json.loads(archive.read(name))
    if not isinstance(record, dict):
        raise ValueError(f"`{name}` is not a record")
    return record


def folder_of_scanner() -> Path | None:
    """Return the folder that osv-scanner is told to keep its database in, or None."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else None
