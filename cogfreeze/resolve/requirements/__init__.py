"""The declared Python requirements, line by line, and the graph of who requires whom."""

from cogfreeze.resolve.requirements.declared import Declared, Options, lines_of, read_declared
from cogfreeze.resolve.requirements.graph import required_by, required_by_in_comments
from cogfreeze.resolve.requirements.line import Line

__all__ = ["Declared", "Line", "Options", "lines_of", "read_declared", "required_by", "required_by_in_comments"]
