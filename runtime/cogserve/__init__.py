"""The prediction server of an image: trio, hypercorn, msgspec.

The life of a request, which is also the order to read the files in:

    main, settings   read the settings, start the model's process, then load the server
    server           the nursery tree, signals, shutdown
    http/            connections, HTTP/1.1, request bodies, answers
    app              the routes
    protocol         the JSON bodies of Cog's protocol
    predictions/     handlers of /predictions and /trainings; queue, states, cancellation, outputs, events
    schema/          the OpenAPI document, and what it says of an input
    page/            the page at `/`, to try the model in a browser
    worker/          the model's process: started, watched, replaced
    files/           input and output files, and the guarded HTTP client
    webhooks, health, metrics, logs   what else the server reports

The model runs in another process (`cogworker`); `cogworker.frames` is all that the two share. Which package may
import which is a rule of `tests/unit/test_imports.py`.
"""

from __future__ import annotations

__version__ = "0.1.0"
