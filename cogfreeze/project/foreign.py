"""Keys of Cog's that are spelled otherwise here, mean nothing, or are not supported yet; by their path."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """Another name of a key.

    Attributes:
        key: the path of the key that it stands for.
        meaning: a sentence of Markdown.
    """

    key: str
    meaning: str


ALIASES = {
    "run": Alias(key="predict", meaning="The name of `predict` in newer versions of Cog. Set one of the two."),
    "build.pre_install": Alias(
        key="build.run", meaning="Deprecated in Cog: commands that run after those of `run`. Use `run`."
    ),
}

# They are accepted with a warning that gives the reason.
IGNORED = {
    "build.cog_runtime": "Cog has removed it",
    "build.fast": "Cog has removed it",
    "build.python_overrides": "Cog has removed it",
    "build.sdk_version": "the image has the SDK of the cogfreeze release that is locked",
    "concurrency.default_target": "Cog ignores it too",
    "observability": "the server's traces and metrics need no setting",
    "tests": "Cog has removed it",
}

# They are refused with this hint, because the image would lack what they ask for.
UNSUPPORTED = {
    "model": "give the image's name in `image`",
    "weights": "keep them in the project's folder, or fetch them in `build.run` with `inputs:`, which locks their"
    " hashes",
}
