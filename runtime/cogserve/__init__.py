"""The prediction server of an image: trio, hypercorn, msgspec.

The life of a request, which is also the order to read the files in:

    main         settings; starts the model, then loads the server (`serving`: the nursery tree, signals, drain)
    edge         hypercorn and its guards; the only file that imports it
    app          routes
    predicting   the handlers of /predictions and /trainings
    schema       is this input what the predictor takes?
    scheduler    takes each prediction through its states (`prediction`), with `admission` and `registry`
    supervisor   keeps one `worker` process alive: setup, crash, respawn
    files_in, files_out, client    what is fetched and uploaded, and from where it may be
    sse, webhooks                  who else is told

The model runs in another process (`cogworker`); `cogworker.frames` is all that the two share.
"""

from __future__ import annotations

__version__ = "0.1.0"
