"""The predictors that both servers serve. They do as little as can be, so what is measured is the server."""

import os
from pathlib import Path as LocalPath

from cog import BasePredictor, ConcatenateIterator, Path, streaming


class Sync(BasePredictor):
    def predict(self, text: str) -> str:
        return "hello, " + text


class Async(BasePredictor):
    async def predict(self, text: str) -> str:
        return "hello, " + text


class Taking(BasePredictor):
    """Reads a file that came as a data URI."""

    def predict(self, file: Path) -> int:
        return len(LocalPath(file).read_bytes())


class Giving(BasePredictor):
    """Writes a file, as a model does, and gives it out as a data URI."""

    def setup(self) -> None:
        self.content = os.urandom(10_000_000)

    def predict(self, size: int) -> Path:
        place = LocalPath("given.bin")
        place.write_bytes(self.content[:size])
        return Path(place.absolute())


class Tokens(BasePredictor):
    @streaming
    def predict(self, count: int) -> ConcatenateIterator[str]:
        for number in range(count):
            yield f"token {number} "
