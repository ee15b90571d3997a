"""The files that commands name by URL (`build.run[].inputs`), locked by hash."""

from __future__ import annotations

import hashlib
import tempfile
from typing import TYPE_CHECKING

from cogfreeze.lock.model import LockedFile
from cogfreeze.resolve.fetch import download, network
from cogfreeze.resolve.fetch.network import TIMEOUT, explaining_failures, require_success

if TYPE_CHECKING:
    from collections.abc import Iterable

    import requests

    from cogfreeze.project.model import Project
    from cogfreeze.report import Report
    from cogfreeze.settings import Settings

_CHUNK = 1 << 20
# Their name in the cache, since a URL may end in anything.
INPUT_FILE = "input"


def resolve_inputs(
    project: Project, previous: Iterable[LockedFile], settings: Settings, report: Report
) -> tuple[LockedFile, ...]:
    """Return a record of every file that the project's commands use, sorted by URL.

    A file that is already locked keeps its hash and is not fetched again.

    Args:
        previous: the locked files; empty to fetch all of them again.

    Raises:
        NetworkError: a URL could not be fetched.
    """
    known = {file.url: file for file in previous}
    urls = sorted({file.url for command in project.build.run for file in command.inputs if file.url})
    with network.http_session(settings) as web:
        return tuple(known.get(url) or fetch_and_hash(url, web, settings, report) for url in urls)


def input_artifacts(files: Iterable[LockedFile]) -> list[download.Artifact]:
    """Return where to fetch locked files from, for `download.fetch_all`."""
    return [
        download.Artifact(urls=(file.url,), sha256=file.sha256, size=file.size, name=INPUT_FILE) for file in files
    ]


def fetch_and_hash(url: str, web: requests.Session, settings: Settings, report: Report) -> LockedFile:
    """Fetch a file into the cache and return its hash and size.

    Raises:
        NetworkError
    """
    home = settings.cache / "sha256"
    home.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with tempfile.NamedTemporaryFile(dir=home, prefix=".input-") as part:
        with (
            explaining_failures(url),
            web.get(url, headers={"Accept-Encoding": "identity"}, stream=True, timeout=TIMEOUT) as answer,
        ):
            require_success(answer)
            length = answer.headers.get("Content-Length", "")
            with report.step(f"fetching {url}", int(length) if length.isdigit() else None) as advance:
                for chunk in answer.iter_content(_CHUNK):
                    part.write(chunk)
                    digest.update(chunk)
                    size += len(chunk)
                    advance(len(chunk))
        part.flush()
        locked = LockedFile(url=url, sha256=digest.hexdigest(), size=size)
        path = download.cached_path(settings, locked.sha256, INPUT_FILE)
        path.parent.mkdir(exist_ok=True)
        if not path.exists():
            # A second link, which remains when the temporary file is deleted.
            path.hardlink_to(part.name)
            path.chmod(0o644)
    return locked
