"""The prediction server of an image: trio, hypercorn, msgspec.

The life of a request, which is also the order to read the files in:

    main, settings     what an operator sets; the model is started (`spawn`), then the server loaded
    serving            the nursery tree, signals, the way out
    edge               hypercorn and its guards, the only file that imports it; `http1` and `reader` speak
                       HTTP/1.1, `connections` looks after all of them
    app, web           routes; bodies and answers
    predicting         the handlers of /predictions and /trainings; `schema` judges their input
    scheduler          takes each `prediction` through its states: `admission`, `registry`, `outputs`, `ladder`
    supervisor         keeps one `worker` process alive: setup, crash, replacement
    files_in, files_out, client, guard    what is fetched and uploaded, and from where it may be
    sse, webhooks      who else is told
    health, metrics, docs, documents, logs    what the server says of itself

The model runs in another process (`cogworker`); `cogworker.frames` is all that the two share.
"""

from __future__ import annotations

__version__ = "0.1.0"
