"""`--verbose`: each request to a registry, index or archive, on stderr, without what may be secret in it."""

from __future__ import annotations

import logging
import re
import sys

_SECRET = re.compile(r"\?[^\s\"]*|//[^/\s@\"]*@")


class _Formatter(logging.Formatter):
    """Leaves out the query and the credentials of every address."""

    def format(self, record: logging.LogRecord) -> str:
        return _SECRET.sub(lambda found: "//" if found[0].startswith("//") else "?…", super().format(record))


def show_requests() -> None:
    """Log what `urllib3` does from now on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter("debug: %(message)s"))
    logger = logging.getLogger("urllib3")
    logger.handlers = [handler]
    logger.setLevel(logging.DEBUG)
