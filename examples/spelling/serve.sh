#!/bin/sh
# Serves the list at the address that cog.yaml names. It stands for your own file server: Ctrl-C ends it.
cd "$(dirname "$0")/served" && exec python3 -m http.server --bind 127.0.0.1 8000
