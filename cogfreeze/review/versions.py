"""Which of two versions is older, by the rules of the world that they come from."""

from __future__ import annotations


def is_older(version: str, other: str, *, debian: bool) -> bool:
    """Say whether `version` is before `other`, by Debian's order or by Python's (PEP 440)."""
    if debian:
        from cogfreeze.lock.debian_version import key

        return key(version) < key(other)
    from packaging.version import InvalidVersion, Version

    try:
        return Version(version) < Version(other)
    except InvalidVersion:
        # Of a source that carries no proper version, nobody can say.
        return False
