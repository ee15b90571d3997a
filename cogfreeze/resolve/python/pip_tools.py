"""pip-tools as the other engine: `--resolver pip-tools`.

It decides the versions alone; files and hashes are looked up as after uv. pip resolves for the Python that it runs
on and honours pip's own settings, not uv's, so it can stand in only where the image has this machine's Python.
"""

from __future__ import annotations

import os
import platform as machine
import re
import subprocess
import sys
from typing import TYPE_CHECKING

from cogfreeze.catalog.frameworks import TORCH_FAMILY
from cogfreeze.errors import ResolveError, UsageError
from cogfreeze.project.python import PROVIDED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cogfreeze.lock.model import Source, Wheel
    from cogfreeze.resolve.python.sources import Sources

_PIN = re.compile(r"([a-z0-9][a-z0-9.-]*)(\[[^\]]*\])?(==| @ )(\S+)")


def pins(
    sources: Sources,
    *,
    preferred: Sequence[Wheel | Source] = (),
    upgrade: Sequence[str] = (),
    upgrade_all: bool = False,
) -> list[str]:
    """Return the closure as requirement lines: `name==version`, or the declared line of an address.

    Args:
        preferred: wheels whose versions are kept for as long as the requirements allow.
        upgrade: packages to move, `name` or `name==version`.

    Raises:
        UsageError: pip-tools can't resolve for that Python, platform or index.
        ResolveError: pip found no solution.
    """
    _require_own_python(sources)
    output = sources.scratch / "pip-tools.txt"
    output.write_text("".join(f"{each.name}=={each.version}\n" for each in preferred))
    command = [
        *(
            sys.executable,
            "-m",
            "piptools",
            "compile",
            "--quiet",
            "--no-header",
            "--no-annotate",
            "--strip-extras",
        ),
        *(
            "--allow-unsafe",
            "--no-emit-index-url",
            "--no-emit-trusted-host",
            "--no-emit-find-links",
            "--no-config",
        ),
        *("--resolver", "backtracking", "--pip-args", "--only-binary :all:", "--output-file", str(output)),
        *(f"--upgrade-package={name}" for name in upgrade),
        *(["--upgrade"] if upgrade_all else []),
        *(["--pre"] if sources.declared.options.prereleases else []),
        *(f"--trusted-host={host}" for host in sources.declared.options.trusted_hosts),
        *_files(sources),
    ]
    bundle, cache = sources.settings.ca_bundle, sources.settings.cache / "pip"
    caches = {"PIP_CACHE_DIR": str(cache / "pip"), "PIP_TOOLS_CACHE_DIR": str(cache / "pip-tools")}
    done = subprocess.run(
        command,
        cwd=sources.folder,
        env={**caches, **os.environ, **({"PIP_CERT": str(bundle)} if bundle else {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise _explained(done.stderr, sources)
    found = [_PIN.fullmatch(line.partition(" ;")[0].strip()) for line in output.read_text().splitlines()]
    lines = {match[1]: _line(match, sources) for match in found if match and match[1] not in PROVIDED}
    if sources.torch is not None and (family := sorted(TORCH_FAMILY & lines.keys())):
        raise UsageError(
            f"pip-tools can't take `{family[0]}` alone from the index `{sources.torch.name}`",
            hint="leave `--resolver pip-tools` out",
        )
    return [*lines.values()]


def _require_own_python(sources: Sources) -> None:
    here = ".".join(map(str, sys.version_info[:2]))
    own = {"x86_64": "linux/amd64", "aarch64": "linux/arm64"}.get(machine.machine())
    if sources.target.minor != here or sources.target.platform != own or sys.platform != "linux":
        raise UsageError(
            f"pip-tools resolves for the Python that it runs on, {here} on `{own or machine.machine()}`, and the"
            f" image has {sources.target.minor} on `{sources.target.platform}`",
            hint="leave `--resolver pip-tools` out: uv resolves for any",
        )


def _files(sources: Sources) -> list[str]:
    options = sources.declared.options
    lines = [
        *([f"--index-url {options.default_index}"] if options.default_index else []),
        *(f"--extra-index-url {url}" for url in options.indexes),
        *(f"--find-links {place}" for place in options.find_links),
        *(["--no-index"] if options.no_index else []),
        *sorted(line.text for line in sources.declared.requirements if line.name not in PROVIDED),
    ]
    if sources.declared.constraints:
        constraints = sources.scratch / "pip-tools-constraints.txt"
        constraints.write_text("".join(f"{line.text}\n" for line in sources.declared.constraints))
        lines.append(f"-c {constraints}")
    path = sources.scratch / "pip-tools.in"
    path.write_text("".join(f"{line}\n" for line in lines))
    return [str(path)]


def _line(found: re.Match[str], sources: Sources) -> str:
    if found[3] == "==":
        return f"{found[1]}=={found[4]}"
    declared = (line.text for line in sources.declared.requirements if line.name == found[1])
    return next(declared, found[0])


def _explained(talk: str, sources: Sources) -> ResolveError:
    lines = [line.strip() for line in talk.splitlines() if line.strip()]
    told = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    told = [line for line in told if not line.startswith("Ignored the following")] or lines[-1:]
    text = re.sub(r" \(from versions: [^)]*\)|\.$", "", "; ".join(dict.fromkeys(told)))
    text = re.sub(r"//[^/@\s]+@", "//…@", text).replace(f"{sources.scratch}/", "")
    named = re.findall(r"(?:requirement|install) ([A-Za-z0-9._-]+)", text)
    return ResolveError(
        f"pip-tools could not resolve the Python packages: {text}",
        where=next((place for name in named if (place := sources.declared.where(name.lower()))), None),
        hint="leave `--resolver pip-tools` out to hear uv's explanation",
    )
