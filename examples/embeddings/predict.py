"""Says how alike two texts are, by the vectors of their words."""

import hashlib
import math
import re
from array import array
from pathlib import Path

from cog import BasePredictor, Input

WEIGHTS = Path(__file__).with_name("weights.bin")
SIZE = 256


class Predictor(BasePredictor):
    def setup(self) -> None:
        if not WEIGHTS.exists():
            raise FileNotFoundError("weights.bin is not there: `python make_weights.py` makes it")
        self.table = array("b", WEIGHTS.read_bytes())

    def predict(
        self,
        one: str = Input(description="A text"),
        other: str = Input(description="Another"),
    ) -> float:
        """Return 1 for texts of the same words, about 0 for texts that share none."""
        a, b = self.vector(one), self.vector(other)
        lengths = math.hypot(*a) * math.hypot(*b)
        return round(sum(x * y for x, y in zip(a, b, strict=True)) / lengths, 4) if lengths else 0.0

    def vector(self, text: str) -> list[int]:
        """Return the sum of the vectors of a text's words."""
        total = [0] * SIZE
        for word in re.findall(r"\w+", text.lower()):
            bucket = int.from_bytes(hashlib.sha256(word.encode()).digest()[:2], "big")
            row = self.table[bucket * SIZE : (bucket + 1) * SIZE]
            total = [sum(pair) for pair in zip(total, row, strict=True)]
        return total
