"""Package indexes and what they offer: pages, credentials, wheel file names, wheel metadata, symbol versions."""

from cogfreeze.lock.requirements import ARCHITECTURES
from cogfreeze.resolve.index.elf import SHARED_OBJECT, cached_symbol_versions, newest_glibc, symbol_versions
from cogfreeze.resolve.index.machine import Credentials, configuration_text, machine_indexes, uv_configuration
from cogfreeze.resolve.index.metadata import WheelMetadata, cached_metadata, require_recorded, wheel_metadata
from cogfreeze.resolve.index.pages import (
    DEFAULT_INDEX,
    LOCAL_INDEX,
    Link,
    TorchIndex,
    index_names,
    project_page,
    take_torch_index,
    torch_index,
    without_credentials,
)
from cogfreeze.resolve.index.wheel_files import (
    Candidate,
    Target,
    best_wheel,
    glibc_of,
    target_for,
    wheel_rank,
)

__all__ = [
    "ARCHITECTURES",
    "DEFAULT_INDEX",
    "LOCAL_INDEX",
    "SHARED_OBJECT",
    "Candidate",
    "Credentials",
    "Link",
    "Target",
    "TorchIndex",
    "WheelMetadata",
    "best_wheel",
    "cached_metadata",
    "cached_symbol_versions",
    "configuration_text",
    "glibc_of",
    "index_names",
    "machine_indexes",
    "newest_glibc",
    "project_page",
    "require_recorded",
    "symbol_versions",
    "take_torch_index",
    "target_for",
    "torch_index",
    "uv_configuration",
    "wheel_metadata",
    "wheel_rank",
    "without_credentials",
]
