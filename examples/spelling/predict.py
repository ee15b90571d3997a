"""Suggests the words that somebody may have meant."""

import difflib
import os
from pathlib import Path

from cog import BasePredictor, Input

# The build made it from the list that it fetched; on this machine, without an image, another may be named.
WORDS = Path(os.environ.get("WORDS", "/opt/words/sorted.txt"))


class Predictor(BasePredictor):
    def setup(self) -> None:
        self.words = WORDS.read_text(encoding="utf-8").split()

    def predict(
        self,
        word: str = Input(description="A word, rightly spelled or not"),
        most: int = Input(default=3, ge=1, le=10, description="How many suggestions at most"),
    ) -> list[str]:
        """Return the words of the list that are nearest, best first."""
        return difflib.get_close_matches(word.lower(), self.words, n=most, cutoff=0.6)
