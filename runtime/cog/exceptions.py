"""What a predictor may have to catch."""

from __future__ import annotations


class CancelationException(BaseException):
    """The prediction was canceled while a synchronous predictor ran.

    Raised in the predictor's own code, at whatever line it is at. No subclass of Exception, so that a broad
    `except Exception` does not swallow it. Clean up and let it pass; a predictor that catches it and returns
    has succeeded. Asynchronous predictors get `asyncio.CancelledError` in its place.
    """
