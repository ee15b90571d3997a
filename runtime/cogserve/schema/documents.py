"""Files of the image: the predictor's OpenAPI document, and the lock that the image was built from."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from typing import TYPE_CHECKING, Optional

from cogserve.schema.inputs import load

if TYPE_CHECKING:
    from cogserve.settings import Settings

log = logging.getLogger("cogserve")


def lock(settings: Settings) -> Optional[bytes]:
    """Return the bytes of cog.lock; None if there is none."""
    return _read(settings.lock_path)


def _read(path: str) -> Optional[bytes]:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None


def openapi(settings: Settings) -> Optional[bytes]:
    """Return the predictor's OpenAPI document, from the file or generated from the source; None if that fails."""
    document = _read(settings.schema_path)
    if document is not None:
        try:
            load(document)
            return document
        except ValueError as error:
            log.warning("ignoring %s: %s", settings.schema_path, error)
    refs = [settings.predict_ref] if settings.predict_ref else []
    refs += ["--train", settings.train_ref] if settings.train_ref else []
    done = subprocess.run(
        [sys.executable, "-m", "cog.schema", *refs],
        capture_output=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode == 0:
        return done.stdout
    for line in done.stderr.decode("utf-8", "replace").splitlines():
        try:
            mistake = json.loads(line)
            log.error("%s:%s: %s", mistake.get("file"), mistake.get("line"), mistake.get("message"))
        except (ValueError, AttributeError):
            log.warning("cog.schema: %s", line)
    log.warning("inputs are not validated, because the predictor's schema is unknown")
    return None
