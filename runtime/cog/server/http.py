"""`python -m cog.server.http`: the command that an image starts.

The server and its dependencies are in a separate folder that the model must never see. So this process replaces
itself with an isolated interpreter that has that folder on its path. The server starts the worker with this
process's PYTHONPATH and environment.
"""

from __future__ import annotations

import os
import sys

DEFAULT_SERVER_PATH = "/opt/cog/server"
_START = "import sys; sys.path[:0] = {path!r}; from cogserve.main import main; sys.exit(main())"


def command(arguments: list[str]) -> list[str]:
    """Return the command that runs the server.

    Args:
        arguments: passed to the server unchanged; `cogserve.main` parses them.
    """
    server = os.environ.get("COG_SERVER_PATH") or DEFAULT_SERVER_PATH
    sdk = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    folders = [os.path.abspath(folder) for folder in server.split(os.pathsep) if folder]
    if not any(os.path.isdir(os.path.join(folder, "cogserve")) for folder in folders):
        sys.exit(
            f"error: no prediction server found in {server}\n"
            "hint: `cog serve --local` starts one on this machine; set COG_SERVER_PATH to use another folder"
        )
    return [sys.executable, "-I", "-c", _START.format(path=[*folders, sdk]), *arguments]


def main() -> None:
    words = command(sys.argv[1:])
    sys.stdout.flush()
    os.execv(words[0], words)  # noqa: S606


if __name__ == "__main__":
    main()
