"""Downloads: HTTP with retries, files by hash, and the declared inputs of commands."""

from cogfreeze.resolve.fetch.download import Artifact, cached_path, fetch_all
from cogfreeze.resolve.fetch.inputs import INPUT_FILE, fetch_and_hash, input_artifacts, resolve_inputs
from cogfreeze.resolve.fetch.network import (
    TIMEOUT,
    StatusError,
    UnreachableError,
    explaining_failures,
    get_bytes,
    http_session,
    redacted,
    require_success,
)

__all__ = [
    "INPUT_FILE",
    "TIMEOUT",
    "Artifact",
    "StatusError",
    "UnreachableError",
    "cached_path",
    "explaining_failures",
    "fetch_all",
    "fetch_and_hash",
    "get_bytes",
    "http_session",
    "input_artifacts",
    "redacted",
    "require_success",
    "resolve_inputs",
]
