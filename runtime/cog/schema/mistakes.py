"""Mistakes in a predictor's source, collected so that all are reported at once."""

from __future__ import annotations

from contextlib import contextmanager
from difflib import get_close_matches
from typing import TYPE_CHECKING, Iterable, Iterator, List, NamedTuple, Optional

if TYPE_CHECKING:
    import ast


class Mistake(NamedTuple):
    """One mistake: where it is, what it is, and what to do."""

    file: str
    line: int
    message: str
    hint: Optional[str] = None


class Unreadable(Exception):
    """Part of the source cannot be read; carries the mistake to `gathering`."""

    def __init__(self, mistake: Mistake) -> None:
        super().__init__(mistake.message)
        self.mistake = mistake


class SourceMistakes(Exception):
    """The predictor has no schema; `mistakes` lists why, in source order."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        super().__init__("the predictor's source has mistakes")
        self.mistakes = sorted(dict.fromkeys(mistakes), key=lambda mistake: (mistake.file, mistake.line))


def unreadable(file: str, node: Optional[ast.AST], message: str, hint: Optional[str] = None) -> Unreadable:
    return Unreadable(Mistake(file, getattr(node, "lineno", 1), message, hint))


@contextmanager
def about(name: str) -> Iterator[None]:
    """Put the name of an input before the block's mistake."""
    try:
        yield
    except Unreadable as error:
        mistake = error.mistake
        raise Unreadable(mistake._replace(message=f"`{name}`: {mistake.message}")) from None


@contextmanager
def gathering(mistakes: List[Mistake]) -> Iterator[None]:
    """Record the mistake that the block raises, if any, and continue after it."""
    try:
        yield
    except Unreadable as error:
        mistakes.append(error.mistake)


def nearest(word: str, known: Iterable[str], otherwise: str) -> str:
    """A hint that suggests the closest known word, or `otherwise` if none is close."""
    near = get_close_matches(word, list(known), n=1)
    return f"did you mean `{near[0]}`?" if near else otherwise
