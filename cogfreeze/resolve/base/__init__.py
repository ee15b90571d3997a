"""The base image: its digests, and the packages and the Python that it has."""

from cogfreeze.resolve.base.image import choose_base, config_digest, platforms_of_index, resolve_base
from cogfreeze.resolve.base.inventory import read_inventory
from cogfreeze.resolve.base.layers import PYTHON_PATH
from cogfreeze.resolve.base.registry import INDEX_MEDIA_TYPES, Reference, Repository

__all__ = [
    "INDEX_MEDIA_TYPES",
    "PYTHON_PATH",
    "Reference",
    "Repository",
    "choose_base",
    "config_digest",
    "platforms_of_index",
    "read_inventory",
    "resolve_base",
]
