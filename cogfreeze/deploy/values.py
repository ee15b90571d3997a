"""What a value may look like before it reaches a manifest. As everywhere: refused, never escaped."""

from __future__ import annotations

from cogfreeze.grammar import Grammar

_LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_LABEL_TEXT = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"

# A Service's name is a DNS label that begins with a letter (RFC 1035); everything else here has the same name.
NAME = Grammar(
    "a name that Kubernetes accepts",
    "63 lowercase letters, digits and `-` at most, beginning with a letter and ending with a letter or digit",
    r"[a-z](?:[a-z0-9-]*[a-z0-9])?",
    longest=63,
)
NAMESPACE = Grammar(
    "a namespace that Kubernetes accepts",
    "63 lowercase letters, digits and `-` at most, `-` neither first nor last",
    _LABEL,
    longest=63,
)
OBJECT_NAME = Grammar(
    "the name of a Kubernetes object",
    "lowercase letters, digits, `-` and `.`: `model-secrets`",
    rf"{_LABEL}(?:\.{_LABEL})*",
    longest=253,
)
CPU = Grammar(
    "an amount of CPU", "cores or thousandths of one: `2`, `0.5`, `500m`", r"[0-9]{1,6}(?:\.[0-9]{1,3}|m)?"
)
MEMORY = Grammar("an amount of memory", "a number and a unit: `512Mi`, `16Gi`", r"[1-9][0-9]{0,8}(?:Ki|Mi|Gi|Ti)")
NODE_LABEL = Grammar(
    "a node label",
    "`key=value`: `cloud.example.com/gpu=a100`",
    rf"(?:{_LABEL}(?:\.{_LABEL})*/)?{_LABEL_TEXT}=(?:{_LABEL_TEXT})?",
    longest=380,
)
KSERVE_VERSION = Grammar("a version of KServe", "major and minor: `0.15`", r"[0-9]{1,2}\.[0-9]{1,3}")


def mebibytes(memory: str) -> int:
    """Return an amount that `MEMORY` accepts in MiB, rounded down."""
    kibibytes = {"Ki": 1, "Mi": 2**10, "Gi": 2**20, "Ti": 2**30}
    return int(memory[:-2]) * kibibytes[memory[-2:]] // 2**10


def cores(cpu: str) -> str:
    """Return an amount that `CPU` accepts in cores, as Docker takes it."""
    return f"{int(cpu[:-1]) / 1000:g}" if cpu.endswith("m") else cpu
