#!/bin/sh
# Written by `cog deploy --target docker-run`, cogfreeze 0.0.0.
# To change it, change the project or the options and run the command again.
# No memory is requested or limited. Set `--memory`, or the model may be killed when memory is short.
set -eu
exec docker run \
    --detach \
    --name=several-gpus \
    --restart=unless-stopped \
    --platform=linux/amd64 \
    --publish=127.0.0.1:8080:5000 \
    --env=COG_SETUP_TIMEOUT=600 \
    --env=HOME=/tmp \
    --user=1000:1000 \
    --read-only \
    --tmpfs=/tmp:mode=1777,exec \
    --shm-size=32768m \
    --cap-drop=ALL \
    --security-opt=no-new-privileges:true \
    --stop-timeout=45 \
    --label=run.cogfreeze.lock=sha256:fc932130edfe974b64bb4586baecf3a27281734c323f0beff12d2c61a63135e9 \
    --gpus=4 \
    registry.example.com/several-gpus@sha256:1234123412341234123412341234123412341234123412341234123412341234
