"""Exceptions that a predictor may need to catch."""

from __future__ import annotations


class CancelationException(BaseException):
    """Raised in a synchronous predictor when its prediction is canceled, at whatever line is running.

    It is not a subclass of Exception, so a broad `except Exception` does not swallow it. Clean up and re-raise it;
    a predictor that catches it and returns has succeeded. Asynchronous predictors get `asyncio.CancelledError`
    instead.
    """
