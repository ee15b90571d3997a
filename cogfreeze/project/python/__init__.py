"""What a project requires of Python: requirements files, pyproject.toml, and other tools' lock files."""

from cogfreeze.project.python.packages import PROVIDED, check, name_of, normalized, package_of
from cogfreeze.project.python.requirements import RequirementsFile, logical_lines, read

__all__ = ["PROVIDED", "RequirementsFile", "check", "logical_lines", "name_of", "normalized", "package_of", "read"]
