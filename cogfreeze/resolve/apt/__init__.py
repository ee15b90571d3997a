"""System packages: the apt closure of a base image, from a dated archive whose signatures are verified."""

from cogfreeze.resolve.apt.archive import default_snapshot
from cogfreeze.resolve.apt.archive import package_lists as verified_package_lists
from cogfreeze.resolve.apt.archive import releases as verified_releases
from cogfreeze.resolve.apt.closure import deb_artifacts, resolve_apt
from cogfreeze.resolve.apt.package_lists import PackageIndex
from cogfreeze.resolve.apt.refusals import UnknownPackages

__all__ = [
    "PackageIndex",
    "UnknownPackages",
    "deb_artifacts",
    "default_snapshot",
    "resolve_apt",
    "verified_package_lists",
    "verified_releases",
]
