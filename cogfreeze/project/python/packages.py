"""What a Python requirement may look like, and the names that people get wrong."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass

from cogfreeze.grammar import REQUIREMENT, Grammar, Refused, shown

# What one imports, and the name under which the package index has it. The index knows some of these names too:
# placeholders that fail when they are installed.
_REAL_NAMES = {
    "cv2": "opencv-python",
    "pil": "pillow",
    "pytorch": "torch",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
# `bs4` is a package that installs the real one.
_BETTER_NAMES = {"bs4": "beautifulsoup4"}

# The image brings its own `cog`, and what Cog's needs to serve.
PROVIDED = frozenset({"cog", "coglet"})

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_PROJECT_ITSELF = re.compile(
    r"(?:(?:-e|--editable)[ =]?\s*)?(?:[\w.-]+(?:\[[^\]]*\])?\s*@\s*)?(?:file:)?(?P<path>\.[./]*)(?:\[[^\]]*\])?"
)
_SINGLE_EQUALS = re.compile(r"([A-Za-z0-9._-]+(?:\[[^\]]*\])?)\s*=\s*([^=\s].*)")
_URL_OR_PATH = re.compile(
    r"(?:git|hg|bzr|svn)\+[a-z]|https?:|file:|[^ @;]*[/\\]|\.|[^\s@;]*\.(?:whl|zip|tgz|tar\.(?:gz|bz2))(?:\s|$|;)",
    re.IGNORECASE,
)
# The user part of a URL, up to the last `@` before the path. `${NAME}` stands for what the environment holds.
_USER_PART = re.compile(r"://([^/?#\s]*)@")
_FROM_ENVIRONMENT = re.compile(r"\$\{[A-Z0-9_]+\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong, or wants to be said, about a requirement."""

    message: str
    hint: str | None = None
    fatal: bool = True


def package_of(module: str) -> str:
    """Return the package that most likely provides a module, by the module's dotted name."""
    name = module.partition(".")[0]
    return _REAL_NAMES.get(name.lower()) or _BETTER_NAMES.get(name.lower()) or name


def normalized(name: str) -> str:
    """Return a package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def name_of(requirement: str) -> str | None:
    """Return the normalised name that a requirement begins with; None for a bare URL or path."""
    found = _NAME.match(requirement)
    return normalized(found[0]) if found and not is_url_or_path(requirement) else None


# Options that may stand beside a package, as Cog hands the line to pip → their long names. The first take a value.
_VALUED = {"-i": "--index-url", "-f": "--find-links"} | {
    name: name for name in ("--index-url", "--extra-index-url", "--find-links", "--trusted-host")
}
_FLAGS = frozenset({"--pre", "--no-index"})


def split_options(item: str) -> tuple[str, tuple[str, ...]]:
    """Split an entry of `python_packages` into its requirement and its options, as a requirements file has them.

    >>> split_options("torch==1.12.1 --extra-index-url=https://example.org/cu116")
    ('torch==1.12.1', ('--extra-index-url https://example.org/cu116',))

    Returns:
        The requirement is empty where there are options alone. An entry with any other option comes back whole.
    """
    kept, options = [], []
    words = iter(item.split())
    for word in words:
        name, equals, value = word.partition("=")
        if name in _VALUED and word.startswith("-"):
            value = value if equals else next(words, "")
            if not value:
                return item, ()
            options.append(f"{_VALUED[name]} {value}")
        elif word in _FLAGS:
            options.append(word)
        elif word.startswith("-") and not word.startswith("--hash"):
            return item, ()
        else:
            kept.append(word)
    return (" ".join(kept), tuple(options)) if options else (item, ())


def is_url_or_path(requirement: str) -> bool:
    """Say whether a requirement names a place in place of a package: `./a.whl`, `git+https://…`."""
    return _URL_OR_PATH.match(requirement) is not None


def credentials(text: str) -> Problem | None:
    """Find a user or password in a URL of `text`; one that the environment holds (`${TOKEN}`) is none."""
    for found in _USER_PART.finditer(text):
        name, _, password = found[1].partition(":")
        harmless = not password and (name == "git" or text[: found.start()].endswith("ssh"))
        if not harmless and not _FROM_ENVIRONMENT.fullmatch(password or name):
            return Problem(
                message="a URL contains a user or password, which would be written into the lock",
                hint="keep it in `~/.netrc`, or write `${NAME}` and set it in the environment",
            )
    return None


def check(requirement: str, grammar: Grammar = REQUIREMENT) -> Problem | None:
    """Look at one requirement, without options or comment.

    Returns:
        What is wrong with it, or None. A problem that is not `fatal` is a warning.
    """
    from packaging.requirements import InvalidRequirement, Requirement

    if requirement.startswith("-") and _NAME.match(requirement[1:]):
        return Problem(
            message=f"`{shown(requirement)}` begins with `-`",
            hint=f"write `{shown(requirement[1:])}` for the package; options belong in a requirements file",
        )
    if requirement.startswith("-"):
        return Problem(
            message=f"`{shown(requirement)}` is an option, not a package",
            hint="put options into a requirements file and set `build.python_requirements` to it",
        )
    try:
        grammar.check(requirement)
    except Refused as refused:
        return Problem(message=refused.message, hint=refused.allowed)
    if leaked := credentials(requirement):
        return leaked
    if is_url_or_path(requirement):
        return None
    try:
        name = normalized(Requirement(requirement).name)
    except InvalidRequirement as error:
        return _not_a_requirement(requirement, str(error))
    if real := _REAL_NAMES.get(name) or _BETTER_NAMES.get(name):
        rest = requirement[len(_NAME.match(requirement)[0]) :]  # type: ignore[index]
        return Problem(
            message=f"the package of `{shown(name)}` is called `{real}`",
            hint=f"write `{shown(real + rest)}`",
            fatal=name in _REAL_NAMES,
        )
    return None


def _not_a_requirement(requirement: str, why: str) -> Problem:
    if single := _SINGLE_EQUALS.fullmatch(requirement):
        hint: str | None = f"write `{shown(f'{single[1]}=={single[2]}')}`"
    else:
        hint = why.partition("\n")[0]
    return Problem(message=f"`{shown(requirement)}` is not a requirement", hint=hint)


def names_the_project(line: str) -> bool:
    """Return whether a requirement is the project's own folder: `-e .`, `.[extra]`, `name @ file:.`."""
    found = _PROJECT_ITSELF.fullmatch(line.partition(" #")[0].partition(" ;")[0].strip())
    return found is not None and posixpath.normpath(found["path"]) == "."
