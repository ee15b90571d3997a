"""A registry of this run's own, empty at first: what a push sends is what its store has grown by."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROGRAM = "docker-registry"
_CONFIGURATION = """\
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {store}}}}}
http: {{addr: "{address}"}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """A running registry: its address, which names its images, and the folder that it stores in."""

    address: str
    store: Path

    def blobs(self) -> dict[str, int]:
        """Return the bytes of every blob, by the hexadecimal digits of its digest."""
        paths = self.store.glob("docker/registry/v2/blobs/sha256/*/*/data")
        return {path.parent.name: path.stat().st_size for path in paths}

    def layers(self, name: str) -> dict[str, int]:
        """Return the compressed layers of an image that was pushed, lowest first: bytes by digest."""
        repository, tag = name.removeprefix(f"{self.address}/").split(":")
        types = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
        asked = urllib.request.Request(
            f"http://{self.address}/v2/{repository}/manifests/{tag}", headers={"Accept": types}
        )
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return {layer["digest"]: layer["size"] for layer in json.load(answer)["layers"]}


@contextmanager
def running(folder: Path) -> Iterator[Registry]:
    """Run a registry that stores below `folder`."""
    program = shutil.which(PROGRAM)
    if program is None:
        sys.exit(f"`{PROGRAM}` is not here (Debian: `apt-get install docker-registry`)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    configuration = folder / "registry.yml"
    configuration.write_text(_CONFIGURATION.format(store=folder / "registry", address=address))
    with (folder / "registry.log").open("w") as log:
        process = subprocess.Popen([program, "serve", str(configuration)], stdout=log, stderr=log)
        try:
            _wait(address)
            yield Registry(address=address, store=folder / "registry")
        finally:
            process.terminate()
            process.wait()


def _wait(address: str) -> None:
    for _ in range(200):
        try:
            urllib.request.urlopen(f"http://{address}/v2/", timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    sys.exit(f"`{PROGRAM}` does not answer at {address}")
