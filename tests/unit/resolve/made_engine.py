"""A `docker` of the test's own: an engine that hangs, fails or lies, as a real one seldom does when asked to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_SCRIPT = """\
#!/bin/sh
here={here}
echo "$*" >> "$here/log"
test -f "$here/$1.sh" && . "$here/$1.sh"
case "$1" in
version) echo 28.5.0 ;;
image) cat "$here/ids"; exit 1 ;;
create) echo made ;;
container) cat "$here/container.json" ;;
cp)
    path=${{2#*:/}}
    test -e "$here/root/$path" -o -h "$here/root/$path" || {{ echo "Could not find the file /$path" >&2; exit 1; }}
    tar -C "$here/root/$(dirname "$path")" -cf - "$(basename "$path")" ;;
esac
"""


class Engine:
    """It has one image, with the files below `root`.

    `on("cp", "exit 1")` adds lines of shell before a command is answered.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "root").mkdir(parents=True)
        (folder / "bin").mkdir()
        program = folder / "bin/docker"
        program.write_text(_SCRIPT.format(here=folder))
        program.chmod(0o755)
        self.has("")

    def has(self, identity: str, manifest: str | None = None) -> None:
        """Say by which id it knows its image, and of which manifest a container is made."""
        (self.folder / "ids").write_text(f"{identity}\n")
        said = {"Image": identity, **({"ImageManifestDescriptor": {"digest": manifest}} if manifest else {})}
        (self.folder / "container.json").write_text(json.dumps(said))

    def put(self, path: str, text: str) -> None:
        (self.folder / "root" / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / "root" / path).write_text(text)

    def link(self, path: str, target: str) -> None:
        (self.folder / "root" / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / "root" / path).symlink_to(target)

    def on(self, command: str, script: str) -> None:
        (self.folder / f"{command}.sh").write_text(f"{script}\n")

    @property
    def log(self) -> list[str]:
        path = self.folder / "log"
        return path.read_text().splitlines() if path.exists() else []
