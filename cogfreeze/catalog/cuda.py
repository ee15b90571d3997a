"""Chooses CUDA, cuDNN and the torch index that a project's frameworks need, from published facts.

The network is not used; the answer is a function of the declaration.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from cogfreeze.catalog.frameworks import TORCH_FAMILY, cuda_of, releases, tag_of, torch_releases
from cogfreeze.errors import ProjectError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cogfreeze.catalog.frameworks import Releases, Torch

# Package → the table's name of it.
_OTHERS = {
    "tensorflow": "tensorflow",
    "tensorflow-gpu": "tensorflow",
    "onnxruntime-gpu": "onnxruntime-gpu",
}
_JAX_EXTRA = re.compile(r"cuda(\d+)?(?:-?pip)?(-?local)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What was chosen, and why.

    Attributes:
        cuda: `12.8`; None without a GPU, or if no framework names one. A framework without its own libraries
            needs a base of the same major version that is not older.
        cudnn: if the framework names it: `9`, `9.10.2.21`.
        index: the torch family's index, `cpu` or `cu128`; None for the machine's default index.
        base: the base image must have the CUDA libraries, since the frameworks do not include them.
        instead: what to do if no base image has them.
        reason: one sentence for the user.
        limit: a requirement that keeps an unpinned framework at the newest releases for `cuda`:
            `onnxruntime-gpu<=1.18.1`.
        warning: why `cuda` is not the declared one; None if it is.
        hint: what to do about the warning.
    """

    cuda: str | None = None
    cudnn: str | None = None
    index: str | None = None
    base: bool = False
    instead: str | None = None
    reason: str
    limit: str | None = None
    warning: str | None = None
    hint: str | None = None


def choose(
    *,
    gpu: bool,
    cuda: str | None = None,
    cudnn: str | None = None,
    requirements: Sequence[str] = (),
    index: str | None = None,
    python: str | None = None,
) -> Choice:
    """Choose for a declaration.

    Args:
        gpu, cuda, cudnn: the keys of `build`.
        requirements: the declared requirements that apply to the image, PEP 508.
        index: a torch index tag that the declaration names otherwise (a requirements file's index option).
        python: `3.11`; releases without wheels for it are left out.

    Raises:
        ProjectError: there is no such combination; the hint lists the available ones.
    """
    declared = _declared(requirements)
    family = [declared[name] for name in sorted(TORCH_FAMILY & declared.keys())]
    tag = _named_tag(family, index)
    if not gpu and cuda is None and tag in (None, "cpu"):
        return Choice(index="cpu", reason="`build.gpu` is false: torch, if any, is the CPU build")
    if tag is not None and tag.startswith("cu") and cuda is not None and not _runs_with(tag, cuda):
        used = choose(gpu=gpu, cuda=cuda_of(tag), requirements=requirements, index=index, python=python)
        return _instead(used, cuda, f"the requirements name the torch index `{tag}`")
    if family:
        return _for_torch(family, cuda, cudnn, tag, python)
    if name := next((each for each in _OTHERS if each in declared), None):
        return _for_another(declared[name], releases(_OTHERS[name]), cuda, cudnn)
    if "jax" in declared and (chosen := _for_jax(declared["jax"], cuda, cudnn)):
        return chosen
    if cuda is not None:
        # A torch that is only an indirect dependency comes from the declared CUDA's index too.
        reason = f"`build.cuda` is {cuda}"
        return Choice(cuda=cuda, cudnn=cudnn, index=_nearest(cuda), base=True, reason=reason)
    return Choice(
        cudnn=cudnn, index=tag, reason="no declared package names a CUDA; wheels that need one include it"
    )


def _declared(requirements: Iterable[str]) -> dict[str, Requirement]:
    found: dict[str, Requirement] = {}
    for text in requirements:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        name = canonicalize_name(requirement.name)
        if name in found:
            requirement.specifier &= found[name].specifier
            requirement.extras |= found[name].extras
        found[name] = requirement
    return found


def _named_tag(family: Sequence[Requirement], index: str | None) -> str | None:
    """Return the one torch index that requirements name, by `torch==2.9.1+cu128` or by an option."""
    named = {each.version.partition("+")[2] for requirement in family for each in requirement.specifier}
    named = {tag for tag in (*named, index) if tag}
    if len(named) > 1:
        raise ProjectError(
            f"torch is requested from several indexes: {', '.join(f'`{tag}`' for tag in sorted(named))}",
            where="build.python_packages",
            hint="name one CUDA, in `build.cuda`, and remove the others",
        )
    return next(iter(named), None)


def _runs_with(tag: str, cuda: str) -> bool:
    """Return whether wheels of an index run with a CUDA: libraries are compatible within a major version."""
    have, asked = Version(cuda_of(tag)), Version(cuda)
    return have.major == asked.major and have <= asked


def _instead(chosen: Choice, declared: str, why: str, more: str = "") -> Choice:
    """Return a choice with the warning that the declared CUDA is not used, and `more` in its hint."""
    hint = f'write `cuda: "{chosen.cuda}"`, or remove `cuda`' + (f"; {more}" if more else "")
    return replace(chosen, warning=f"`build.cuda` is {declared}, but {why}: CUDA {chosen.cuda} is used", hint=hint)


def _nearest(cuda: str, tags: Iterable[str] | None = None) -> str | None:
    """Return the index of the newest CUDA of the same major version that is not newer than the given one."""
    known = tags if tags is not None else {tag for row in torch_releases() for tag in row.indexes}
    fitting = [tag for tag in known if tag != "cpu" and _runs_with(tag, cuda)]
    return max(fitting, key=lambda tag: Version(cuda_of(tag)), default=None)


def _words(requirements: Iterable[Requirement]) -> str:
    """The requirements as a user writes them, without markers."""
    return " ".join(str(each).partition(";")[0].strip() for each in requirements)


def _for_torch(
    family: Sequence[Requirement], cuda: str | None, cudnn: str | None, tag: str | None, python: str | None
) -> Choice:
    rows = [row for row in torch_releases() if _allowed(row, family) and _has_wheels(row, python)]
    what = _words(family)
    if tag is not None:
        row = next((each for each in reversed(rows) if tag in each.indexes), None)
        return Choice(
            cuda=cuda or (None if tag == "cpu" else cuda_of(tag)),
            cudnn=cudnn or (row.cudnn.get(tag) if row else None),
            index=tag,
            reason=f"the requirements name the torch index `{tag}`" + _own_cudnn(row, tag, cudnn),
        )
    if cuda is not None:
        if rows and not any(_nearest(cuda, row.indexes) for row in rows):
            chosen = _for_torch(family, None, None, None, python)
            return _instead(chosen, cuda, f"there is no `{what}` for it", _torch_hint(rows, what, cuda))
        return _for_torch_and_cuda(rows, what, cuda, cudnn)
    if not rows:
        reason = f"`{what}` is not in the catalogue; its wheels include the CUDA that they were built for"
        return Choice(cudnn=cudnn, reason=reason)
    row = rows[-1]
    if row.default is not None:
        return Choice(
            cuda=row.default,
            cudnn=cudnn or row.cudnn.get(tag_of(row.default)),
            reason=f"`{what}`: torch {row.version} is published with CUDA {row.default} and includes its libraries"
            + _own_cudnn(row, tag_of(row.default), cudnn),
        )
    newest = row.indexes[-1]
    return Choice(
        cuda=cuda_of(newest),
        cudnn=cudnn or row.cudnn.get(newest),
        index=newest,
        reason=f"`{what}`: the newest CUDA that torch {row.version} is built for" + _own_cudnn(row, newest, cudnn),
    )


def _own_cudnn(row: Torch | None, tag: str, declared: str | None) -> str:
    """Return what to say if torch includes another cuDNN than the declared one."""
    brought = row.cudnn.get(tag) if row else None
    if declared is None or brought is None or Version(declared).major == Version(brought).major:
        return ""
    return f"; torch uses the cuDNN {brought} that it includes, not the declared {declared}"


def _allowed(row: Torch, family: Sequence[Requirement]) -> bool:
    for requirement in family:
        name = canonicalize_name(requirement.name)
        # `==2.1.0+cu118` says which build; here only the release counts.
        public = SpecifierSet(",".join(str(each).partition("+")[0] for each in requirement.specifier))
        if not public.contains(row.version if name == "torch" else getattr(row, name), prereleases=True):
            return False
    return True


def _has_wheels(row: Torch, python: str | None) -> bool:
    if python is None:
        return True
    oldest, newest = map(Version, row.python)
    return oldest <= Version(".".join(python.split(".")[:2])) <= newest


def _for_torch_and_cuda(rows: Sequence[Torch], what: str, cuda: str, cudnn: str | None) -> Choice:
    # The newest release that is built for that CUDA, else the newest that runs with it.
    exact = [row for row in rows if tag_of(cuda) in row.indexes]
    for row in reversed(exact or rows):
        if (tag := _nearest(cuda, row.indexes)) is None:
            continue
        # A pinned torch whose default wheels are for that CUDA needs no other index.
        usual = len(rows) == 1 and row.default is not None and tag_of(row.default) == tag_of(cuda)
        return Choice(
            cuda=cuda,
            cudnn=cudnn or row.cudnn.get(tag),
            index=None if usual else tag,
            reason=f"`build.cuda` is {cuda}; torch is the build for CUDA {cuda_of(tag)}"
            + _own_cudnn(row, tag, cudnn),
        )
    reason = f"`build.cuda` is {cuda}; `{what}` is not in the catalogue"
    return Choice(cuda=cuda, cudnn=cudnn, index=tag_of(cuda), reason=reason)


def _torch_hint(rows: Sequence[Torch], what: str, cuda: str) -> str:
    """Return which CUDA the torch of the requirements is built for, and which torch is built for the CUDA."""
    tags = {tag for row in rows for tag in row.indexes if tag != "cpu"}
    hint = f"`{what}` is available for CUDA {', '.join(sorted(map(cuda_of, tags), key=Version))}"
    others = [row.version for row in torch_releases() if _nearest(cuda, row.indexes)]
    if others:
        hint += f"; for CUDA {cuda} there are torch {others[0]} to {others[-1]}"
    return hint


def _for_another(
    requirement: Requirement, known: Sequence[Releases], cuda: str | None, cudnn: str | None
) -> Choice:
    what = _words([requirement])
    rows = [row for row in known if _meets(requirement.specifier, row)]
    if not rows:
        if cuda is None:
            raise ProjectError(
                f"the catalogue does not know which CUDA `{what}` is built for",
                where="build.cuda",
                hint=f'set it and its cuDNN: `cuda: "{known[-1].cuda}"` and `cudnn: "{known[-1].cudnn}"`',
            )
        return Choice(cuda=cuda, cudnn=cudnn, base=True, reason=f"`build.cuda` is {cuda}")
    fitting = [each for each in rows if cuda is None or _runs_with(tag_of(each.cuda), cuda)]
    if not fitting:
        chosen = _for_another(requirement, known, None, None)
        why = f"`{what}` is built for CUDA {chosen.cuda}"
        return _instead(chosen, str(cuda), why, f"available: {requirement.name} {_ranges(known)}")
    row = fitting[-1]
    brings = bool(row.extras) and requirement.extras >= set(row.extras)
    return Choice(
        cuda=cuda or row.cuda,
        cudnn=cudnn or row.cudnn,
        base=not brings,
        instead=_with_extras(requirement, row) if row.extras and not brings else None,
        reason=f"`{what}` is built for CUDA {row.cuda} and cuDNN {row.cudnn}"
        + (" and includes the libraries" if brings else ""),
        limit=None if row is rows[-1] else f"{requirement.name}<={row.last}",
    )


def _with_extras(requirement: Requirement, row: Releases) -> str:
    named = f"{requirement.name}[{','.join(sorted(row.extras))}]{requirement.specifier}"
    return f"use `{named}`, which includes the libraries"


def _meets(specifier: SpecifierSet, row: Releases) -> bool:
    """Return whether a specifier allows a release of the row: its first, its last, or a named one."""
    named = []
    for each in specifier:
        try:
            named.append(Version(each.version.removesuffix(".*")))
        except InvalidVersion:
            continue
    ends = [Version(row.first), Version(row.last)]
    inside = [each for each in named if ends[0] <= each <= ends[1]]
    return any(specifier.contains(each, prereleases=True) for each in (*ends, *inside))


def _ranges(rows: Sequence[Releases]) -> str:
    """`2.14.0 to 2.14.1 with CUDA 11.8; …`, the newest last."""
    ranges = []
    for cuda, group in groupby(rows, key=lambda row: row.cuda):
        same = [*group]
        ranges.append(f"{same[0].first} to {same[-1].last} with CUDA {cuda}")
    return "; ".join(ranges)


def _for_jax(requirement: Requirement, cuda: str | None, cudnn: str | None) -> Choice | None:
    """Read the extra that says which CUDA jax's plugin is for; None for jax without one."""
    found = next((match for extra in sorted(requirement.extras) if (match := _JAX_EXTRA.fullmatch(extra))), None)
    if found is None:
        return None
    # `cuda` alone means the oldest that is still published.
    major, local = found[1] or "12", bool(found[2])
    if cuda is not None and Version(cuda).major != int(major):
        chosen = _for_jax(requirement, None, None)
        more = f"for CUDA {Version(cuda).major}, use `jax[cuda{Version(cuda).major}]`"
        return chosen and _instead(chosen, cuda, f"`{_words([requirement])}` is built for CUDA {major}", more)
    reason = f"`{_words([requirement])}` is built for CUDA {major}" + (
        "" if local else " and includes the libraries"
    )
    return Choice(cuda=cuda or f"{major}.0", cudnn=cudnn, base=local, reason=reason)
