"""Which CUDA, cuDNN and index a project's frameworks want: published facts, read from `torch.toml` and
`tensorflow.toml`, and the rules that choose among them.

Nothing here asks the network; the answer is a function of the declaration.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from cogfreeze.errors import ProjectError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from packaging.specifiers import SpecifierSet

# What is built anew for every CUDA and lies on one index for each. Nothing else is taken from those indexes.
TORCH_FAMILY = frozenset({"torch", "torchvision", "torchaudio"})
_TENSORFLOW = ("tensorflow", "tensorflow-gpu")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What was chosen, and why.

    Attributes:
        cuda: `12.8`; None without a GPU, or where no framework names one.
        cudnn: as far as the framework names it: `9`, `9.10.2.21`.
        index: the torch family's index, `cpu` or `cu128`; None for the machine's default index.
        base: the frameworks don't bring their CUDA libraries: the base image has to.
        reason: one sentence for the user.
    """

    cuda: str | None = None
    cudnn: str | None = None
    index: str | None = None
    base: bool = False
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Torch:
    """A torch release. `indexes` are tags; `default` is the CUDA of the default index's wheels."""

    version: str
    torchvision: str
    torchaudio: str
    indexes: tuple[str, ...]
    default: str | None = None
    cudnn: dict[str, str] = field(default_factory=dict)
    python: tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorFlow:
    """TensorFlow releases from `first` to `last`. `bundled`: the extra `and-cuda` brings the libraries."""

    first: str
    last: str
    cuda: str
    cudnn: str
    bundled: bool
    python: tuple[str, str]


@cache
def torch_releases() -> tuple[Torch, ...]:
    """Return what is known of torch, oldest first."""
    return tuple(Torch(**_tuples(row)) for row in _table("torch"))


@cache
def tensorflow_releases() -> tuple[TensorFlow, ...]:
    """Return what is known of TensorFlow, oldest first."""
    return tuple(TensorFlow(**_tuples(row)) for row in _table("tensorflow"))


def _table(name: str) -> list[dict[str, Any]]:
    with (Path(__file__).parent / f"{name}.toml").open("rb") as file:
        rows: list[dict[str, Any]] = tomllib.load(file)[name]
    return rows


def _tuples(row: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}


def tag_of(cuda: str) -> str:
    """Return the index tag of a CUDA version: `12.8` → `cu128`."""
    return "cu" + "".join(cuda.split(".")[:2])


def cuda_of(tag: str) -> str:
    """Return the CUDA version of an index tag: `cu128` → `12.8`."""
    return f"{tag[2:-1]}.{tag[-1]}"


def choose(
    *,
    gpu: bool,
    cuda: str | None = None,
    cudnn: str | None = None,
    requirements: Sequence[str] = (),
    index: str | None = None,
) -> Choice:
    """Choose for a declaration.

    Args:
        gpu, cuda, cudnn: the keys of `build`.
        requirements: the declared requirements that apply to the image, PEP 508.
        index: a torch index tag that the declaration names otherwise (a requirements file's index option).

    Raises:
        ProjectError: there is no such combination; the hint lists those there are.
    """
    declared = _declared(requirements)
    family = [declared[name] for name in sorted(TORCH_FAMILY & declared.keys())]
    named = {each.version.partition("+")[2] for requirement in family for each in requirement.specifier}
    named = {tag for tag in (*named, index) if tag}
    if len(named) > 1:
        raise ProjectError(
            f"torch is asked for from several indexes: {_listed(sorted(named))}",
            where="build.python_packages",
            hint="name one CUDA, in `build.cuda`, and leave the others out",
        )
    tag: str | None = next(iter(named), None)
    if not gpu and cuda is None and (tag is None or tag == "cpu"):
        return Choice(
            index="cpu", reason="`build.gpu` is false: torch, where there is any, is the one for the CPU"
        )
    if tag is not None and tag.startswith("cu") and cuda is not None and not _runs_with(tag, cuda):
        raise ProjectError(
            f"`build.cuda` is {cuda}, and the requirements name the torch index `{tag}`",
            where="build.cuda",
            hint=f'write `cuda: "{cuda_of(tag)}"`, or leave the index to the catalogue',
        )
    if TORCH_FAMILY & declared.keys():
        return _for_torch(declared, cuda, cudnn, tag)
    if name := next((each for each in _TENSORFLOW if each in declared), None):
        return _for_tensorflow(declared[name], cuda, cudnn)
    # A torch that only another package asks for comes from the index of the declared CUDA all the same.
    if cuda is not None:
        return Choice(
            cuda=cuda, cudnn=cudnn, index=_nearest(cuda), base=True, reason=f"`build.cuda` asks for CUDA {cuda}"
        )
    return Choice(cudnn=cudnn, index=tag, reason="no declared package names a CUDA; wheels that need one bring it")


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


def _listed(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _runs_with(tag: str, cuda: str) -> bool:
    """Say whether wheels of that index run with a CUDA: libraries hold within a major version."""
    have, asked = Version(cuda_of(tag)), Version(cuda)
    return have.major == asked.major and have <= asked


def _nearest(cuda: str, tags: Iterable[str] | None = None) -> str | None:
    """Return the index of the newest CUDA that is no newer than the asked one and of its major version."""
    known = tags if tags is not None else {tag for row in torch_releases() for tag in row.indexes}
    fitting = [tag for tag in known if tag != "cpu" and _runs_with(tag, cuda)]
    return max(fitting, key=lambda tag: Version(cuda_of(tag)), default=None)


def _allows(specifier: SpecifierSet, version: str) -> bool:
    # `==2.1.0+cu118` says which build; here only the release counts.
    from packaging.specifiers import SpecifierSet

    public = ",".join(str(each).partition("+")[0] for each in specifier)
    return SpecifierSet(public).contains(version, prereleases=True)


def _matching(declared: dict[str, Requirement]) -> list[Torch]:
    """The torch releases that the declared family allows, oldest first."""
    return [
        row
        for row in torch_releases()
        if all(
            _allows(declared[name].specifier, getattr(row, _column(name)))
            for name in TORCH_FAMILY & declared.keys()
        )
    ]


def _column(name: str) -> str:
    return "version" if name == "torch" else name


def _for_torch(declared: dict[str, Requirement], cuda: str | None, cudnn: str | None, tag: str | None) -> Choice:
    rows = _matching(declared)
    what = " ".join(
        sorted(str(declared[name]).partition(";")[0].strip() for name in TORCH_FAMILY & declared.keys())
    )
    if tag is not None:
        chosen = None if tag == "cpu" else cuda_of(tag)
        row = next((each for each in reversed(rows) if tag in each.indexes), None)
        return Choice(
            cuda=cuda or chosen,
            cudnn=cudnn or (row.cudnn.get(tag) if row else None),
            index=tag,
            reason=f"the requirements name the torch index `{tag}`",
        )
    if cuda is not None:
        return _for_torch_and_cuda(rows, what, cuda, cudnn)
    if not rows:
        return Choice(
            cudnn=cudnn, reason=f"`{what}` is not in the catalogue; its wheels bring the CUDA they were built for"
        )
    row = rows[-1]
    if row.default is not None:
        return Choice(
            cuda=row.default,
            cudnn=cudnn or row.cudnn.get(tag_of(row.default)),
            reason=f"`{what}`: torch {row.version} is published with CUDA {row.default}, and brings its libraries",
        )
    newest = row.indexes[-1]
    return Choice(
        cuda=cuda_of(newest),
        cudnn=cudnn or row.cudnn.get(newest),
        index=newest,
        reason=f"`{what}`: the newest CUDA that torch {row.version} is built for",
    )


def _for_torch_and_cuda(rows: list[Torch], what: str, cuda: str, cudnn: str | None) -> Choice:
    # The newest release that is built for that very CUDA, else the newest that runs with it.
    exact = [row for row in rows if tag_of(cuda) in row.indexes]
    for row in reversed(exact or rows):
        if (tag := _nearest(cuda, row.indexes)) is None:
            continue
        # A pinned torch whose usual wheels are for that very CUDA needs no index of its own.
        usual = len(rows) == 1 and row.default is not None and tag_of(row.default) == tag_of(cuda)
        return Choice(
            cuda=cuda,
            cudnn=cudnn or row.cudnn.get(tag),
            index=None if usual else tag,
            reason=f"`build.cuda` asks for CUDA {cuda}; torch is taken built for CUDA {cuda_of(tag)}",
        )
    if not rows:
        return Choice(
            cuda=cuda,
            cudnn=cudnn,
            index=tag_of(cuda),
            reason=f"`build.cuda` asks for CUDA {cuda}; `{what}` is newer than the catalogue",
        )
    there = sorted(
        {tag for row in rows for tag in row.indexes if tag != "cpu"}, key=lambda tag: Version(cuda_of(tag))
    )
    others = [row.version for row in torch_releases() if _nearest(cuda, row.indexes)]
    hint = f"with `{what}` there are CUDA {', '.join(map(cuda_of, there))}"
    if others:
        hint += f"; with CUDA {cuda} there are torch {others[0]} to {others[-1]}"
    raise ProjectError(f"there is no `{what}` for CUDA {cuda}", where="build.cuda", hint=hint)


def _for_tensorflow(requirement: Requirement, cuda: str | None, cudnn: str | None) -> Choice:
    rows = [
        row
        for row in tensorflow_releases()
        if requirement.specifier.contains(row.first, prereleases=True)
        or requirement.specifier.contains(row.last, prereleases=True)
        or any(
            Version(row.first) <= Version(each.version.rstrip(".*")) <= Version(row.last)
            for each in requirement.specifier
            if each.operator in ("==", "~=")
        )
    ]
    if not rows:
        if cuda is None:
            raise ProjectError(
                f"the catalogue does not know the CUDA of `{requirement}`",
                where="build.cuda",
                hint='say it: `cuda: "12.5"` and `cudnn: "9.3"`',
            )
        return Choice(cuda=cuda, cudnn=cudnn, base=True, reason=f"`build.cuda` asks for CUDA {cuda}")
    row = rows[-1]
    if cuda is not None and (Version(cuda).major != Version(row.cuda).major or Version(cuda) < Version(row.cuda)):
        pairs = "; ".join(
            f"{each.first} to {each.last} with CUDA {each.cuda}" for each in tensorflow_releases()[-6:]
        )
        raise ProjectError(
            f"there is no `{requirement}` for CUDA {cuda}: it is built for CUDA {row.cuda}",
            where="build.cuda",
            hint=f"TensorFlow there is: {pairs}",
        )
    bundled = row.bundled and "and-cuda" in requirement.extras
    return Choice(
        cuda=cuda or row.cuda,
        cudnn=cudnn or row.cudnn,
        base=not bundled,
        reason=f"`{requirement}` is built for CUDA {row.cuda} and cuDNN {row.cudnn}"
        + (", and brings the libraries" if bundled else ""),
    )
