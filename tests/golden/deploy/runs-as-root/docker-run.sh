#!/bin/sh
# Written by `cog deploy --target docker-run`, cogfreeze 0.0.0.
# To change it, change the project or the options and run the command again.
# The image runs as root, because `build.user` is `root`.
set -eu
exec docker run \
    --detach \
    --name=runs-as-root \
    --restart=unless-stopped \
    --platform=linux/amd64 \
    --publish=127.0.0.1:5000:5000 \
    --env=COG_SETUP_TIMEOUT=600 \
    --env=HOME=/tmp \
    --user=0:0 \
    --read-only \
    --tmpfs=/tmp:mode=1777,exec \
    --shm-size=1024m \
    --cap-drop=ALL \
    --security-opt=no-new-privileges:true \
    --stop-timeout=45 \
    --label=run.cogfreeze.lock=sha256:fc932130edfe974b64bb4586baecf3a27281734c323f0beff12d2c61a63135e9 \
    --memory=1024m \
    registry.example.com/runs-as-root@sha256:1234123412341234123412341234123412341234123412341234123412341234
