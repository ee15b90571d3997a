"""System packages: the apt closure of a base image, from a dated archive whose signatures are verified."""

from cogfreeze.resolve.apt.archive import default_snapshot
from cogfreeze.resolve.apt.closure import deb_artifacts, resolve_apt

__all__ = ["deb_artifacts", "default_snapshot", "resolve_apt"]
