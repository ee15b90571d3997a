"""YAML as plain values with their lines, and mappings that are read key by key."""

from cogfreeze.project.yaml.section import Section
from cogfreeze.project.yaml.text import Document, fatal, parse

__all__ = ["Document", "Section", "fatal", "parse"]
