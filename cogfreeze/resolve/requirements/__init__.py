"""The declared Python requirements, line by line, and the graph of which package requires which."""

from cogfreeze.resolve.requirements.declared import Declared, Options, lines_of, read_declared
from cogfreeze.resolve.requirements.graph import Graph, dependency_graph, required_by_in_comments
from cogfreeze.resolve.requirements.line import Line
from cogfreeze.resolve.requirements.project_files import changed_files, pack

__all__ = [
    "Declared",
    "Graph",
    "Line",
    "Options",
    "changed_files",
    "dependency_graph",
    "lines_of",
    "pack",
    "read_declared",
    "required_by_in_comments",
]
