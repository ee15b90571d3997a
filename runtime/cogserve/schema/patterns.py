"""Regular expressions of inputs, under a time limit.

Python's `re` can neither be interrupted nor run beside other threads. So what may take long (a nested quantifier,
a long text) runs in a process of its own, which the kernel ends after SECONDS of CPU time.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any, Iterable, List, Tuple

import trio

if sys.version_info >= (3, 11):
    from re import _constants, _parser  # type: ignore[attr-defined]
else:  # pragma: no cover
    import sre_constants as _constants
    import sre_parse as _parser

SECONDS = 1
WALL_SECONDS = 60.0  # on a busy machine
PARALLEL = 2
# Steps that a match may take on the server's own thread, as estimated.
FEW_STEPS = 100_000
MANY = 16  # a quantifier up to here counts as a constant

_SINGLE = {_constants.LITERAL, _constants.NOT_LITERAL, _constants.IN, _constants.ANY}
_REPEATS = {_constants.MAX_REPEAT, _constants.MIN_REPEAT}

# Writes one character for each pair, as far as it gets.
_PROGRAM = f"""
import json, os, re, resource, sys
resource.setrlimit(resource.RLIMIT_CPU, ({SECONDS}, {SECONDS}))
for pattern, text in json.load(sys.stdin):
    os.write(1, b"y" if re.search(pattern, text) else b"n")
"""


class Deferred:
    """A match that is still to be done.

    Args:
        pattern: the regular expression.
        text: what it must match somewhere.
        place: where the text is in the request.
    """

    def __init__(self, pattern: str, text: str, place: List[Any]) -> None:
        self.pattern = pattern
        self.text = text
        self.place = place


class Pattern:
    """A regular expression, and what a match may cost."""

    def __init__(self, pattern: str) -> None:
        self._compiled = re.compile(pattern)
        self._quantifiers, self._simple = _cost(_parser.parse(pattern))

    @property
    def source(self) -> str:
        return self._compiled.pattern

    def search(self, text: str) -> bool:
        return self._compiled.search(text) is not None

    def is_quick(self, text: str) -> bool:
        """Whether a match in `text` takes few steps, whatever the text is."""
        return self._simple and (len(text) + 1) ** (self._quantifiers + 1) <= FEW_STEPS


def _cost(items: Iterable[Any]) -> Tuple[int, bool]:
    """Return how many unbounded quantifiers there are, and whether each repeats a single character."""
    quantifiers, simple = 0, True
    for operator, argument in items:
        if operator in _REPEATS:
            _, most, body = argument
            inner, inner_simple = _cost(body)
            if most is _constants.MAXREPEAT or most > MANY:
                quantifiers += 1
                simple = simple and len(body) == 1 and body[0][0] in _SINGLE
            quantifiers += inner * (MANY if inner else 1)
            simple = simple and inner_simple and not inner
        elif operator is _constants.BRANCH:
            parts = [_cost(part) for part in argument[1]]
            quantifiers += sum(count for count, _ in parts)
            simple = simple and all(one for _, one in parts)
        elif operator is _constants.SUBPATTERN:
            inner, inner_simple = _cost(argument[-1])
            quantifiers, simple = quantifiers + inner, simple and inner_simple
        elif operator in (_constants.ASSERT, _constants.ASSERT_NOT):
            inner, inner_simple = _cost(argument[1])
            quantifiers, simple = quantifiers + inner, simple and inner_simple
        elif operator not in _SINGLE and operator is not _constants.AT:
            simple = False  # a reference to a group, a condition, or what a later Python adds
    return quantifiers, simple


_limiter: List[trio.CapacityLimiter] = []


async def search(deferred: List[Deferred]) -> List[str]:
    """Do matches that were deferred; return what is wrong with each text: an empty string if it matches."""
    if not deferred:
        return []
    if not _limiter:
        _limiter.append(trio.CapacityLimiter(PARALLEL))
    found = b""
    async with _limiter[0]:
        with trio.move_on_after(WALL_SECONDS):
            done = await trio.run_process(
                [sys.executable, "-I", "-S", "-c", _PROGRAM],
                stdin=json.dumps([[one.pattern, one.text] for one in deferred]).encode(),
                capture_stdout=True,
                stderr=subprocess.DEVNULL,
                check=False,
            )
            found = done.stdout
    return [
        ""
        if found[number : number + 1] == b"y"
        else mismatch(one.pattern)
        if found[number : number + 1] == b"n"
        else f"It takes more than {SECONDS} s to match this string against the pattern '{one.pattern}'"
        for number, one in enumerate(deferred)
    ]


def mismatch(pattern: str) -> str:
    return f"String should match pattern '{pattern}'"
