"""The page of the images in front of any server that speaks Cog's protocol, on this machine.

`page` reads it from the runtime, `target` asks the server, `predictions` follows what a server without
`GET /predictions/{id}` runs, `server` is the web server in front.
"""

from cogfreeze.playground.browser import open_when_ready
from cogfreeze.playground.server import Playground
from cogfreeze.playground.target import Target

__all__ = ["Playground", "Target", "open_when_ready"]
