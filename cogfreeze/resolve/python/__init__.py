"""The Python packages of an image: resolved by uv or pip-tools, checked, and found again later."""

from cogfreeze.resolve.python.checks import check_closure, enforce_checks
from cogfreeze.resolve.python.closure import NO_PACKAGES, Upgrade, cuda_choice, packages_of, resolve_python
from cogfreeze.resolve.python.failures import disk_hint, explain_failure
from cogfreeze.resolve.python.locate import locate_wheels, source_archives
from cogfreeze.resolve.python.sources import Sources
from cogfreeze.resolve.python.toolchain import toolchain_of
from cogfreeze.resolve.python.uv import ResolvedPackage, UvResult, compile_arguments, run_uv, uv_binary, uv_version

__all__ = [
    "NO_PACKAGES",
    "ResolvedPackage",
    "Sources",
    "Upgrade",
    "UvResult",
    "check_closure",
    "compile_arguments",
    "cuda_choice",
    "disk_hint",
    "enforce_checks",
    "explain_failure",
    "locate_wheels",
    "packages_of",
    "resolve_python",
    "run_uv",
    "source_archives",
    "toolchain_of",
    "uv_binary",
    "uv_version",
]
