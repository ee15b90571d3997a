"""The mistakes and failures that a user is told about.

Every one says what is wrong, where, and what to do. Only `cogfreeze.cli` prints them. Each class has one code, one
exit status (1: stale, failed or differs; 2: unusable input or usage), and an entry in `ENTRIES`, from which
`docs/errors.md` and `cog help errors` are made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence


# How many of an error's reasons are shown.
_SHOWN = 10


class CogError(Exception):
    """A failure with a message for the user.

    Args:
        message: what is wrong, one sentence without a full stop; commands, keys and paths in backticks.
        where: `file:line`, `file` or a key path; printed before the message.
        hint: what to do about it; None for `usual_hint`.
        key: the path of the key in cog.yaml, `build.run[0]`.

    Attributes:
        details: what `--json` reports besides the error.
    """

    code: ClassVar[str] = "CF000"
    exit_status: ClassVar[int] = 1
    usual_hint: ClassVar[str | None] = None

    def __init__(
        self, message: str, *, where: str | None = None, hint: str | None = None, key: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint
        self.key = key
        self.details: dict[str, object] = {}

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


class ProjectError(CogError):
    """The declaration (cog.yaml, a requirements file, the predictor) is not usable."""

    code = "CF100"
    exit_status = 2
    usual_hint = "`cog help cog.yaml` describes every key"


class SettingsError(ProjectError):
    """A settings file of this machine is not usable."""

    code = "CF110"
    usual_hint = "`cog help settings` describes every setting"


class DeployError(ProjectError):
    """A deployment was asked for that the project, its lock or the target does not allow."""

    code = "CF120"
    usual_hint = "`cog help deploy` lists every option"


class ProjectErrors(ProjectError):
    """All the mistakes of a file at once, in the order of the file."""

    def __init__(self, errors: Sequence[ProjectError]) -> None:
        super().__init__("; ".join(str(error) for error in errors))
        self.errors = tuple(errors)


class LockUnusable(CogError):
    """cog.lock is missing, has conflicts, was edited by hand, or has a newer schema."""

    code = "CF200"
    exit_status = 2


class LockStale(CogError):
    """cog.lock does not match the declaration; `reasons` names each difference."""

    code = "CF201"

    def __init__(self, reasons: Sequence[str], *, hint: str = "run `cog lock` and commit the result") -> None:
        super().__init__("cog.lock is stale: " + "; ".join(reasons), hint=hint)
        self.reasons = tuple(reasons)


class LockUnsound(CogError):
    """The packages of cog.lock do not fit the declaration or each other; `reasons` names each clash."""

    code = "CF202"
    usual_hint = "run `cog lock`: it resolves them together, and stays as close to these versions as possible"

    def __init__(self, reasons: Sequence[str], *, hint: str | None = None) -> None:
        shown = reasons[:_SHOWN]
        more = [f"and {len(reasons) - _SHOWN} more"] if len(reasons) > _SHOWN else []
        text = shown[0] if len(reasons) == 1 else "".join(f"\n  {each}" for each in [*shown, *more])
        super().__init__(f"the locked packages do not fit together: {text}", hint=hint)
        self.reasons = tuple(reasons)


class ResolveError(CogError):
    """A declared package, image or combination does not exist."""

    code = "CF300"


class NetworkError(CogError):
    """A registry, index or archive could not be reached, or answered with a failure."""

    code = "CF310"


class IntegrityError(CogError):
    """A file does not match its signature, its index or the lock."""

    code = "CF320"


class BuildError(CogError):
    """The engine could not build or run the image."""

    code = "CF400"


class NotReproducible(CogError):
    """Two builds of one lock differ."""

    code = "CF410"


class NotRecorded(CogError):
    """A build gave a different image from the one that the lock records for the same files."""

    code = "CF411"


class ToolMissing(CogError):
    """A program or service that the verb needs is not on this machine."""

    code = "CF500"
    exit_status = 2


class PredictionFailed(CogError):
    """The model ran, but the prediction failed."""

    code = "CF600"


class UsageError(CogError):
    """The command-line arguments are not valid."""

    code = "CF900"
    exit_status = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The documentation of one error code.

    Attributes:
        error: the class that has it.
        meaning: what happened, as Markdown.
        fix: what to do about it, as Markdown.
        status: the exit status, where it is not the class's alone.
    """

    error: type[CogError]
    meaning: str
    fix: str
    status: str | None = None

    @property
    def code(self) -> str:
        return self.error.code

    @property
    def exit_status(self) -> str:
        return self.status or str(self.error.exit_status)


ENTRIES = (
    Entry(
        error=CogError,
        status="1, 70",
        meaning="The operating system refused something (no space, no permission), or cogfreeze has a bug (exit"
        " 70)",
        fix="Fix the cause; report a bug with the output of `COG_DEBUG=1`",
    ),
    Entry(
        error=ProjectError,
        meaning="cog.yaml, a requirements file or the predictor has a mistake. All mistakes are shown at once,"
        " in the"
        " order of the file",
        fix="Fix the line in the message; [`cog help cog.yaml`](cog-yaml.md) describes every key",
    ),
    Entry(
        error=SettingsError,
        meaning="A settings file of this machine has a mistake. All mistakes are shown at once",
        fix="Fix the line in the message;"
        " [`cog help settings`](cog-lock.md#mirrors-certificates-caches) describes every setting",
    ),
    Entry(
        error=DeployError,
        meaning="The project, its lock or the target does not allow what `cog deploy` was asked for. All mistakes"
        " are shown at once, and nothing is written",
        fix="Follow the hint; [`cog help deploy`](deploy.md) lists every option",
    ),
    Entry(
        error=LockUnusable,
        meaning="cog.lock is missing, has merge conflicts, was edited by hand, or was written by a newer"
        " cogfreeze",
        fix="`cog lock`; after a merge `cog lock --ours` or `--theirs`",
    ),
    Entry(
        error=LockStale,
        meaning="cog.lock does not match the declaration; each changed key is named",
        fix="`cog lock`, review, commit. If only the runtime differs: `cog lock --upgrade-runtime`",
    ),
    Entry(
        error=LockUnsound,
        meaning="The packages in cog.lock do not satisfy the declaration or each other, as after a merge of two"
        " branches that changed different packages. Both lines of each conflict are named",
        fix="`cog lock` resolves them together; review and commit the result",
    ),
    Entry(
        error=ResolveError,
        meaning="A declared package, version, image or combination does not exist",
        fix="The hint names what is available",
    ),
    Entry(
        error=NetworkError,
        meaning="A registry, index or archive could not be reached, or answered with an error",
        fix="Try again; behind a proxy or a company's certificates set `HTTPS_PROXY`, `COG_CA_BUNDLE` or a mirror",
    ),
    Entry(
        error=IntegrityError,
        meaning="A file does not match its signature, its index or the lock. Nothing was built",
        fix="Never ignore it: find out who changed the file. `cog lock --upgrade-package NAME` accepts a"
        " republished"
        " file after review",
    ),
    Entry(
        error=BuildError,
        meaning="The engine could not build or run the image",
        fix="The message shows the failing step and the end of its log",
    ),
    Entry(
        error=NotReproducible,
        meaning="Two builds of one lock differ, and each differing file is named with its cause if that is"
        " known; or"
        " the digest is not the one of `--expect`",
        fix="Remove the cause, or report it to us",
    ),
    Entry(
        error=NotRecorded,
        meaning="A build gave a different image from the one that cog.lock records for the same files; each"
        " layer that"
        " differs is named. Nothing was tagged or pushed",
        fix="`cog verify` names the files; if the change is intended, `cog lock --record`",
    ),
    Entry(
        error=ToolMissing,
        meaning="A program or service that the command needs is missing on this machine",
        fix="Install it, or use what the hint names (`cog dockerfile`, `--local`)",
    ),
    Entry(
        error=PredictionFailed,
        meaning="The model ran, but the prediction failed; its error and log are shown",
        fix="Fix the model or the input",
    ),
    Entry(
        error=UsageError,
        meaning="The command-line arguments are not valid",
        fix="`cog help COMMAND`",
    ),
)
