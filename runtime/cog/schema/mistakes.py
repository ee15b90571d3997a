"""What is wrong with a predictor's source, gathered so that all of it is told at once."""

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
    """A part of the source that has no meaning here; carries its mistake to whoever gathers them."""

    def __init__(self, mistake: Mistake) -> None:
        super().__init__(mistake.message)
        self.mistake = mistake


class SourceMistakes(Exception):
    """The predictor cannot be described; `mistakes` says why, in the order of the source."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        super().__init__("the predictor's source has mistakes")
        self.mistakes = sorted(dict.fromkeys(mistakes), key=lambda mistake: (mistake.file, mistake.line))


def unreadable(file: str, node: Optional[ast.AST], message: str, hint: Optional[str] = None) -> Unreadable:
    return Unreadable(Mistake(file, getattr(node, "lineno", 1), message, hint))


@contextmanager
def gathering(mistakes: List[Mistake]) -> Iterator[None]:
    """Note the block's mistake, if it has one, and go on after it."""
    try:
        yield
    except Unreadable as error:
        mistakes.append(error.mistake)


def nearest(word: str, known: Iterable[str], otherwise: str) -> str:
    """A hint that names the word that was probably meant, or another hint where none is near."""
    near = get_close_matches(word, list(known), n=1)
    return f"did you mean `{near[0]}`?" if near else otherwise
