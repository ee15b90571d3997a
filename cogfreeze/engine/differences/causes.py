"""Why two builds make a file differently, from its path, and what to write where it is made."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cogfreeze.catalog import system_rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What is known about a file that differs.

    Attributes:
        cause: why it differs.
        fix: what to do.
    """

    cause: str
    fix: str


_REPORT = "please report it, with the package's name"
_AT_START = "create it when the container starts, in `setup()` or in a start script"
_REMOVE = "remove it at the end of the same command: `rm -rf {path}`"
_FIXED = "write a fixed value, or remove the file at the end of the same command: `rm {path}`"
# The first pattern that is found in a path below the root decides.
_CAUSES = tuple(
    (re.compile(pattern), Cause(cause=cause, fix=fix))
    for pattern, cause, fix in (
        (r"\.log(\.\d+)?(\.gz)?$|^var/log/|/logs?/[^/]+$", "a log", _REMOVE),
        (
            r"\.pyc$",
            "compiled Python with a time",
            "set `PYTHONDONTWRITEBYTECODE=1`, or `python -m compileall --invalidation-mode unchecked-hash DIR`",
        ),
        (
            r"\.dist-info/(RECORD|direct_url\.json|uv_cache\.json|INSTALLER)$",
            "an installer's record",
            "install the package with `python_packages` instead of a command",
        ),
        (
            r"^var/lib/apt/lists/|^var/cache/apt/|^var/lib/dpkg/",
            "packages installed by a command",
            "install the package with `system_packages` instead",
        ),
        (r"^etc/(machine-id|hostid)$|^var/lib/dbus/machine-id$", "a random identity", _REMOVE),
        (r"^etc/g?shadow-?$", "a password hash has a random salt", "set the password when the container starts"),
        (
            r"^etc/(passwd|group)-?$",
            "user or group ids in another order",
            "give each user a number: `useradd --uid 2000 NAME`, `groupadd --gid 2000 NAME`",
        ),
        (
            r"(^|/)(id_(rsa|dsa|ecdsa|ed25519)|ssh_host_[^/]*_key)(\.pub)?$|\.(key|pem|p12|pfx)$|/private/",
            "a generated key",
            f"a key in an image is public: {_AT_START}",
        ),
        (
            r"\.(jks|keystore)$|/cacerts$",
            "a key store, which holds a time for each entry",
            f"lock the finished key store with `inputs:` and copy it, or {_AT_START}",
        ),
        (r"^var/cache/(fontconfig|man|ldconfig|debconf)/", "a cache with times", _REMOVE),
        (r"^(root|home/[^/]+)/\.(cache|wget-hsts|npm|local|config)", "a program's cache", _REMOVE),
        (r"^(tmp|run|var/tmp)/", "a temporary file", _REMOVE),
        (
            r"\.(tar|tgz|txz|tbz2?|tzst|tar\.(gz|xz|bz2|zst))$",
            "an archive with the times and order of its files",
            "`tar --sort=name --mtime=@$SOURCE_DATE_EPOCH --owner=0 --group=0 --numeric-owner …`, with `gzip -n`",
        ),
        (
            r"\.(zip|jar|war|whl|egg|npz)$",
            "an archive with the times of its files",
            "before it is made: `find DIR -exec touch -d @$SOURCE_DATE_EPOCH {{}} +`; then `zip -X`",
        ),
        (r"\.gz$", "gzip stores a time", "compress with `gzip -n`"),
        (
            r"\.(so(\.\d+)*|o|a|node)$",
            "compiled code with a time, a path or a random name",
            "compile without `__DATE__`, with `-ffile-prefix-map=$PWD=. -frandom-seed=1`; archive with `ar D`",
        ),
        (
            r"\.(sqlite3?|db|mdb)$",
            "a database with times or random identifiers",
            f"lock the finished file with `inputs:`, or {_AT_START}",
        ),
    )
)
_UNKNOWN = Cause(cause="a time, host name or random value", fix=_FIXED)


def of_command(path: str) -> Cause:
    """Return the cause of a difference in a file, by its absolute path, that a command of the project made."""
    found = next((each for pattern, each in _CAUSES if pattern.search(path.lstrip("/"))), _UNKNOWN)
    return Cause(cause=found.cause, fix=found.fix.format(path=path))


def of_package(path: str, package: str | None) -> Cause:
    """Return the cause of a difference in a file that the installation of system packages made.

    Args:
        package: the package whose script made it, if known.
    """
    if known := system_rules.uncured_of_path(path):
        return Cause(cause=known.cause, fix=known.advice)
    if rule := system_rules.rule_of_path(path):
        return Cause(cause=rule.cause, fix=f"cogfreeze should have fixed it ({rule.cure}): {_REPORT}")
    found = next((each for pattern, each in _CAUSES if pattern.search(path.lstrip("/"))), _UNKNOWN)
    without = f"take `{package}` out of `system_packages`" if package else "leave the package out"
    # A command of `build.run` makes a layer above this one, so it can't change what this one holds.
    return Cause(cause=found.cause, fix=f"commands can't change this layer: {without}, and {_REPORT}")


def of_ours(path: str) -> Cause:
    """Return the cause of a difference in a file that cogfreeze's own steps made."""
    found = next((each for pattern, each in _CAUSES if pattern.search(path.lstrip("/"))), _UNKNOWN)
    return Cause(cause=found.cause, fix="it is a fault in cogfreeze: please report it, with your cog.yaml")
