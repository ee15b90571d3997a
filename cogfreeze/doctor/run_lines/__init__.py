"""Commands of `build.run` rewritten so that what they download and install is locked."""

from cogfreeze.doctor.run_lines.advice import Advice, advice, facts_of
from cogfreeze.doctor.run_lines.programs import missing_packages, present_packages
from cogfreeze.doctor.run_lines.rewrite import Facts, Rewrite, rewrite

__all__ = ["Advice", "Facts", "Rewrite", "advice", "facts_of", "missing_packages", "present_packages", "rewrite"]
