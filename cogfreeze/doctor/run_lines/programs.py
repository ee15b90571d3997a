"""Programs that commands call and that slim base images do not have."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cogfreeze.catalog.base_images import catalogue
from cogfreeze.project.needs_network import network_program

if TYPE_CHECKING:
    from collections.abc import Collection

    from cogfreeze.lock.model import Lock
    from cogfreeze.project.model import Build

# Program → the packages that it needs.
_PACKAGES = {
    "curl": ("curl", "ca-certificates"),
    "wget": ("wget", "ca-certificates"),
    "git": ("git", "ca-certificates"),
    "git-lfs": ("git-lfs",),
    "aria2c": ("aria2", "ca-certificates"),
    "unzip": ("unzip",),
    "bzip2": ("bzip2",),
    "xz": ("xz-utils",),
    "make": ("make",),
    "cmake": ("cmake",),
    "gcc": ("gcc", "libc6-dev"),
    "g++": ("g++",),
    "npm": ("npm",),
    "rsync": ("rsync",),
    "jq": ("jq",),
    "7z": ("p7zip-full",),
}


# Base images without any of these programs, where their package list is not known.
_SLIM = re.compile(r"-slim\b|nvidia/cuda:|debian:|ubuntu:")


def present_packages(lock: Lock) -> frozenset[str] | None:
    """Return the names of the packages of the base image and the lock; None if the base's are not known."""
    found: set[str] = set()
    for each in lock.platforms:
        listed = catalogue().packages(each.base.digest, each.platform)
        if listed is None and not _SLIM.search(each.base.reference):
            return None
        found |= {package.name for package in (listed.packages if listed else ())}
        found |= {deb.name for deb in (each.apt.packages if each.apt else ())}
    return frozenset(found)


def missing_packages(build: Build, present: Collection[str] | None) -> tuple[str, ...]:
    """Return the system packages that commands need and the image lacks, in the order of their use.

    Args:
        present: names of the packages of the base image and the lock; None if they are not known.
    """
    if present is None:
        return ()
    declared = {each.partition("=")[0].partition(":")[0] for each in build.system_packages}
    found: dict[str, None] = {}
    for command in build.run:
        if network_program(command.command) and not (build.network or command.network):
            continue  # it fails anyway, and what to write in its place may not call the program
        called = re.findall(r"(?:^|[|;&(`]|\$\(|\bsudo|\bthen|\bdo)\s*([\w.+-]+)", command.command)
        for program in called:
            found |= dict.fromkeys(_PACKAGES.get(program, ()))
    installed = [each.command for each in build.run if re.search(r"\bapt(?:-get)?\b.*\binstall\b", each.command)]
    return tuple(
        each
        for each in found
        if each not in declared
        and each not in present
        and not any(re.search(rf"(?<![\w-]){re.escape(each)}(?![\w-])", text) for text in installed)
    )
