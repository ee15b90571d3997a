"""Checks the grammar of every value of project and lock that a recipe puts into a script, list or path.

The readers check too. This second check also covers records that were made in other ways.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cogfreeze import grammar
from cogfreeze.errors import CogError, LockUnusable, ProjectError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cogfreeze.lock.model import Apt, Lock, PlatformLock, Wheel
    from cogfreeze.project.model import Project

Check = tuple[grammar.Grammar, str]

_WHEEL_VERSION = grammar.Grammar("a version", "letters, digits, `.`, `!`, `+`", r"[A-Za-z0-9][A-Za-z0-9.!+_-]*")
_INDEX = grammar.Grammar("an index's name", "letters, digits, `.`, `_`, `-`", r"[a-z0-9]+(?:[._-][a-z0-9]+)*")


def check(project: Project, lock: Lock, part: PlatformLock) -> None:
    """Raise ProjectError or LockUnusable for the first value that doesn't match its grammar."""
    _check_all(_of_project(project), ProjectError, project.file)
    _check_all(_of_lock(lock, part), LockUnusable, "cog.lock")


def _check_all(checks: Iterator[Check], error: type[CogError], where: str) -> None:
    for kind, value in checks:
        try:
            kind.check(value)
        except grammar.Refused as refused:
            raise error(refused.message, where=where, hint=refused.allowed) from None


def _of_project(project: Project) -> Iterator[Check]:
    yield grammar.IMAGE_NAME, project.image
    yield grammar.USER, project.build.user
    for reference in (project.predict, project.train):
        if reference is not None:
            yield grammar.PREDICTOR, reference
    for command in project.build.run:
        yield grammar.RUN_COMMAND, command.command
        for file in command.inputs:
            if file.url is not None:
                yield grammar.URL, file.url
            if file.path is not None:
                yield grammar.PROJECT_PATH, file.path
            yield grammar.CONTAINER_PATH, file.target
        for secret in command.secrets:
            yield grammar.SECRET_ID, secret.id
            yield grammar.CONTAINER_PATH, secret.target
    for name, value in project.environment:
        yield grammar.ENVIRONMENT_NAME, name
        yield grammar.ENVIRONMENT_VALUE, value


def _of_lock(lock: Lock, part: PlatformLock) -> Iterator[Check]:
    yield grammar.IMAGE_REFERENCE, lock.tools.frontend
    yield grammar.PLATFORM, part.platform
    yield grammar.IMAGE_REFERENCE, part.base.reference
    yield grammar.DIGEST, part.base.digest
    if part.base.packages is not None:
        yield grammar.DIGEST, part.base.packages
    yield grammar.PYTHON_VERSION, part.python.version
    if part.python.interpreter:
        yield grammar.PYTHON_BUILD, part.python.interpreter.url
        yield grammar.SHA256, part.python.interpreter.sha256
    if part.apt:
        yield from _of_apt(part.apt)
    if part.build_apt:
        yield from _of_apt(part.build_apt)
    for file in lock.files:
        yield grammar.URL, file.url
        yield grammar.SHA256, file.sha256
    for wheel in (
        *part.python.wheels,
        *part.python.build,
        *part.python.runtime,
        *([part.python.sdk] if part.python.sdk else []),
    ):
        yield from _of_wheel(wheel)
    for source in part.python.sources:
        yield grammar.PACKAGE_NAME, source.name
        yield _WHEEL_VERSION, source.version
        yield grammar.SOURCE_FILE, source.file
        yield grammar.SHA256, source.sha256
        yield _WHEEL_VERSION, source.version


def _of_apt(apt: Apt) -> Iterator[Check]:
    yield grammar.SNAPSHOT, apt.snapshot
    for deb in apt.packages:
        yield grammar.DEB_NAME, deb.name
        yield grammar.DEB_VERSION, deb.version
        yield grammar.DEB_NAME, deb.archive
        yield grammar.DEB_NAME, deb.architecture
        yield grammar.ARCHIVE_PATH, deb.path
        yield grammar.DEB_FILE, deb.path.rsplit("/", 1)[-1]
        yield grammar.SHA256, deb.sha256


def _of_wheel(wheel: Wheel) -> Iterator[Check]:
    yield grammar.PACKAGE_NAME, wheel.name
    yield _WHEEL_VERSION, wheel.version
    yield grammar.WHEEL_FILE, wheel.file
    yield grammar.SHA256, wheel.sha256
    yield _INDEX, wheel.index
