"""`python -m cog.server.http`: what the image starts.

The server and its dependencies lie in a folder of their own, which the model must never see. So this only
replaces itself by an isolated interpreter that has that folder on its path, and this one does not stay.
The worker that the server starts has PYTHONPATH and the rest as they are here.
"""

from __future__ import annotations

import os
import sys

DEFAULT_SERVER_PATH = "/opt/cog/server"
_START = "import sys; sys.path[:0] = {path!r}; from cogserve.main import main; sys.exit(main())"


def command(arguments: list[str]) -> list[str]:
    """Return the command that runs the server.

    Args:
        arguments: the server's own, handed on as they are (`cogserve.main` reads them).
    """
    server = os.environ.get("COG_SERVER_PATH") or DEFAULT_SERVER_PATH
    sdk = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    folders = [os.path.abspath(folder) for folder in server.split(os.pathsep) if folder]
    if not any(os.path.isdir(os.path.join(folder, "cogserve")) for folder in folders):
        sys.exit(
            f"error: there is no prediction server in {server}\n"
            "hint: `cog serve --local` starts one on this machine; COG_SERVER_PATH names another folder"
        )
    return [sys.executable, "-I", "-c", _START.format(path=[*folders, sdk]), *arguments]


def main() -> None:
    words = command(sys.argv[1:])
    sys.stdout.flush()
    os.execv(words[0], words)  # noqa: S606


if __name__ == "__main__":
    main()
