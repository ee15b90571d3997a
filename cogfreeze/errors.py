"""The mistakes and failures that a user is told about.

Every one says what is wrong, where, and what to do. Only `cogfreeze.cli` prints them. Each class has
one code, explained in `docs/errors.md`, and one exit status: 1 for «stale, failed, differs», 2 for
«unusable input or usage».
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence


class CogError(Exception):
    """A failure with a message for the user.

    Args:
        message: what is wrong, one sentence without a final stop; commands, keys and paths in backticks.
        where: `file:line`, `file` or a key path; printed before the message.
        hint: what to do about it; None for `usual_hint`.
    """

    code: ClassVar[str] = "CF000"
    exit_status: ClassVar[int] = 1
    usual_hint: ClassVar[str | None] = None

    def __init__(self, message: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


class ProjectError(CogError):
    """The declaration (cog.yaml, a requirements file, the predictor) is not usable."""

    code = "CF100"
    exit_status = 2
    usual_hint = "docs/cog-yaml.md shows what each key takes"


class SettingsError(ProjectError):
    """A settings file of this machine is not usable."""

    code = "CF110"
    usual_hint = "docs/cog-lock.md shows what each setting takes"


class ProjectErrors(ProjectError):
    """All the mistakes of a file at once, in the order of the file."""

    def __init__(self, errors: Sequence[ProjectError]) -> None:
        super().__init__("; ".join(str(error) for error in errors))
        self.errors = tuple(errors)


class LockUnusable(CogError):
    """cog.lock is missing, conflicted, hand-broken or of a newer schema."""

    code = "CF200"
    exit_status = 2


class LockStale(CogError):
    """cog.lock does not say what the declaration asks for; `reasons` names each difference."""

    code = "CF201"

    def __init__(self, reasons: Sequence[str], *, hint: str = "run `cog lock` and commit the result") -> None:
        super().__init__("cog.lock is stale: " + "; ".join(reasons), hint=hint)
        self.reasons = tuple(reasons)


class ResolveError(CogError):
    """What is declared cannot be had: no such package, image or combination."""

    code = "CF300"


class NetworkError(CogError):
    """A registry, index or archive could not be reached, or answered with a failure."""

    code = "CF310"


class IntegrityError(CogError):
    """Bytes are not the ones that a signature, an index or the lock promised."""

    code = "CF320"


class BuildError(CogError):
    """The engine could not build or run the image."""

    code = "CF400"


class NotReproducible(CogError):
    """Two builds of one lock differ."""

    code = "CF410"


class NotRecorded(CogError):
    """A build gave another image than the lock records for the same files."""

    code = "CF411"


class ToolMissing(CogError):
    """A program or service that the verb needs is not on this machine."""

    code = "CF500"
    exit_status = 2


class PredictionFailed(CogError):
    """The model was run and the prediction did not succeed."""

    code = "CF600"


class UsageError(CogError):
    """The command line is off."""

    code = "CF900"
    exit_status = 2
