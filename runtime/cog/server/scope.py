"""The place of `current_scope` in earlier releases."""

from __future__ import annotations

from cog.scope import Scope, current_scope, emit_metric

__all__ = ["Scope", "current_scope", "emit_metric"]
