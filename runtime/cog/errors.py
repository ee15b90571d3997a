"""The errors that the SDK raises outside of a prediction."""

from __future__ import annotations


class CogError(Exception):
    """The base of the SDK's errors."""


class ConfigDoesNotExist(CogError):
    """There is no cog.yaml. Kept for code that catches it."""


class PredictorNotSet(CogError):
    """A reference names no class or function, or one without a method to call."""
