"""Where builds of one recipe differ, and why."""

from cogfreeze.engine.differences.compare import Difference, by_cause, differences, settings

__all__ = ["Difference", "by_cause", "differences", "settings"]
