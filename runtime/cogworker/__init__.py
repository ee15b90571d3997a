"""The process that runs the model.

It uses only the standard library, so it cannot conflict with the model's packages.

Read the files in the order in which a prediction passes through them:

    frames       the protocol with the server
    main         the life of the process: load, set up, serve, exit
    predictor    finds, creates and sets up the user's class or function
    inbox        receives frames: in the main thread while it is idle, in a second thread while it is busy
    sequential, concurrent   the two ways to serve: one prediction at a time, or many on asyncio
    prediction   one prediction, from its `predict` frame to its `done` frame
    inputs, coercion   JSON → arguments, by the annotations
    outputs, handover  return value → JSON and files
    channel, logs, health, interrupt   frames out, prints, healthcheck(), cancellation
"""

from __future__ import annotations
