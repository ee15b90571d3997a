"""The Dockerfile that Cog generates for a CPU project without its own base images, as its documents describe it.

Only what this comparison can't reach is another: the Dockerfile frontend is the engine's own, uv comes out of its
wheel and not of an image, `tini` (20 KB, without a checksum, from a host of its own) is left out, and so are the
two runs of the image by which Cog learns the schema and the installed packages. All four are in Cog's favour.
Downloads pass through this machine's certificates, given as a secret; wheels of a local folder come by a mount.
"""

from __future__ import annotations

COG, UV = "cog==0.23.1", "uv==0.9.26"
PYTHON = "bench-cog-python"
TEMPORARY = "bench-cog-temporary"

# The stand-in for the official image has no pip, and the official one has it: made before anything is measured.
BASE = """\
FROM {base}
RUN python -m ensurepip && ln -sf pip3 /usr/local/bin/pip
"""
UV_IMAGE = f"""\
FROM {PYTHON} AS unpacked
RUN --mount=type=secret,id=ca PIP_CERT=/run/secrets/ca pip install --target /unpacked {UV}
FROM scratch
COPY --from=unpacked /unpacked/bin/uv /unpacked/bin/uvx /
"""

_ADAPTED = "--mount=type=secret,id=ca --mount=type=bind,from=wheels,target=/wheels"
_VARIABLES = "PIP_FIND_LINKS=/wheels PIP_CERT=/run/secrets/ca SSL_CERT_FILE=/run/secrets/ca"

FIRST = f"""\
FROM {PYTHON}
ENV DEBIAN_FRONTEND=noninteractive
ENV PYTHONUNBUFFERED=1
ENV LD_LIBRARY_PATH=/usr/lib/x86_64-linux-gnu:/usr/local/nvidia/lib64:/usr/local/nvidia/bin
ENV NVIDIA_DRIVER_CAPABILITIES=all
COPY --from=uv /uv /uvx /usr/local/bin/
ENV UV_SYSTEM_PYTHON=true
COPY --from=cog_build requirements.txt /tmp/requirements.txt
ENV CFLAGS="-O3 -funroll-loops -fno-strict-aliasing -flto -S"
RUN --mount=type=cache,target=/root/.cache/pip {_ADAPTED} \\
    {_VARIABLES} uv run pip install --cache-dir /root/.cache/pip -r /tmp/requirements.txt
ENV CFLAGS=
RUN --mount=type=cache,target=/root/.cache/uv {_ADAPTED} \\
    {_VARIABLES} uv pip install --no-cache {COG}
RUN find / -type f -name "*python*.so" -printf "%h\\n" | sort -u > /etc/ld.so.conf.d/cog.conf && ldconfig
WORKDIR /src
EXPOSE 5000
ENV COG_PREDICT_TYPE_STUB=predict.py:Predictor
CMD ["python", "-m", "cog.server.http"]
COPY . /src
"""

SECOND = f"""\
FROM {TEMPORARY}
COPY --from=cog_build openapi_schema.json .cog/
LABEL run.cog.version=0.22.0 run.cog.has_init=true
"""
