"""What a project requires of Python: requirements files, pyproject.toml, and other tools' lock files."""

from cogfreeze.project.python.packages import (
    PROVIDED,
    check,
    credentials,
    name_of,
    names_the_project,
    normalized,
    package_of,
    split_options,
)
from cogfreeze.project.python.requirements import RequirementsFile, logical_lines, read

__all__ = [
    "PROVIDED",
    "RequirementsFile",
    "check",
    "credentials",
    "logical_lines",
    "name_of",
    "names_the_project",
    "normalized",
    "package_of",
    "read",
    "split_options",
]
