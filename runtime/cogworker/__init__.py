"""The process that holds the model. The standard library alone, so that nothing conflicts with the model's needs.

The way of one prediction, which is also the order to read the files in:

    frames       what is spoken with the server
    main         the process's life: load, set up, serve
    predictor    the user's class or function: found, made, set up
    inbox        frames in: the main thread reads while it is idle, a second one while it is not
    sequential, concurrent   the two ways to serve: one at a time, or many on asyncio
    prediction   from its `predict` frame to its one `done`
    inputs, coercion   JSON → the arguments that the annotations ask for
    outputs, handover  what it returned → JSON, and files
    channel, logs, health, interrupt   frames out, prints, healthcheck(), cancellation
"""

from __future__ import annotations
