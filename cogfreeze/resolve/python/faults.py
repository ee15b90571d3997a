"""Every requirement that can't be met, in one error: uv stops at the first.

Only after a failure: each declared requirement is asked for alone, without what it requires. Where its version is
at fault, uv is asked for the newest one.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from cogfreeze.catalog.frameworks import TORCH_FAMILY
from cogfreeze.errors import CogError, ResolveError
from cogfreeze.resolve.python import failures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cogfreeze.resolve.python.sources import Sources
    from cogfreeze.resolve.requirements import Line

_PARALLEL = 4


def every_fault(first: CogError, sources: Sources) -> CogError:
    """Return one error about all declared requirements that can't be met, each with one that can.

    Args:
        first: the error about uv's answer for all of them together, which stays where it tells more.
        sources: what uv was run on.
    """
    if type(first) is not ResolveError:
        return first
    # Members of the torch family have an index of their own, which a lone requirement isn't tied to.
    lines = [
        line
        for line in sources.declared.roots(sources.target.markers)
        if line.name and not (sources.torch and line.name in TORCH_FAMILY)
    ]
    with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="faults") as pool:
        answers = pool.map(lambda pair: _alone(pair[1], pair[0], sources), enumerate(lines))
        faults = [each for each in answers if each is not None]
    if not faults:
        return first
    if len(faults) == 1:
        return faults[0] if faults[0].where == first.where else first
    text = "".join(f"\n  {each}" + (f" ({each.hint})" if each.hint else "") for each in faults)
    return ResolveError(f"{len(faults)} requirements can't be met:{text}", hint="change each of these lines")


def _alone(line: Line, number: int, sources: Sources) -> ResolveError | None:
    """Return what is wrong with a requirement by itself; None where nothing is."""
    folder = sources.scratch / f"alone-{number}"
    folder.mkdir(exist_ok=True)
    sources = replace(sources, scratch=folder)
    answer = sources.pinned([line.text])
    if answer.status == 0:
        return None
    error = failures.explain_failure(answer.talk, sources)
    if type(error) is not ResolveError:
        return None
    error.where = line.where
    if line.requirement is not None and line.requirement.specifier and (newest := _newest(line, sources)):
        error.hint = f"`{line.name}=={newest}` is the newest for Python {sources.target.minor}"
    return error


def _newest(line: Line, sources: Sources) -> str | None:
    """Return the newest version that there is for the image, whatever the requirement says."""
    answer = sources.pinned([str(line.name)])
    found: Sequence[str] = [each.version for each in sources.found(answer)] if answer.status == 0 else []
    return found[0] if found else None
