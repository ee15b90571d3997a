#!/bin/sh
# Serves the list at the address in cog.yaml, in place of your own file server. Stop it with Ctrl-C.
cd "$(dirname "$0")/served" && exec python3 -m http.server --bind 127.0.0.1 8000
