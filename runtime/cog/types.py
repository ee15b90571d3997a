"""The types of inputs and outputs beyond Python's own."""

from __future__ import annotations

import io
import os
import pathlib
from typing import Any, AsyncIterator, Iterator, Optional, TypeVar

Item = TypeVar("Item")


class Path(type(pathlib.Path())):  # type: ignore[misc]  # PosixPath: pathlib.Path itself has no subclasses before 3.12
    """A file. An input of this type has already been downloaded; an output of this type is sent to the client."""


class File(io.IOBase):
    """A file as an open binary stream. Prefer `Path`, which also has a name."""


class Secret:
    """A string that prints as asterisks; `get_secret_value()` returns it."""

    __slots__ = ("_value",)

    def __init__(self, secret_value: Optional[str]) -> None:
        self._value = secret_value

    def get_secret_value(self) -> Optional[str]:
        return self._value

    def __str__(self) -> str:
        return "" if self._value is None else "**********"

    def __repr__(self) -> str:
        return f"Secret({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __len__(self) -> int:
        return len(self._value or "")


class Opaque:
    """`Annotated[T, Opaque]`: any JSON object, passed through unchecked whatever `T` is."""


class ConcatenateIterator(Iterator[Item]):
    """The return type of a predictor that yields pieces of one text."""


class AsyncConcatenateIterator(AsyncIterator[Item]):
    """`ConcatenateIterator` for an `async def` predictor."""


def _download(url: str, target: str) -> None:
    import shutil
    from urllib.request import Request, urlopen

    if not url.startswith(("http://", "https://")):
        raise ValueError(f"only http and https URLs can be downloaded, not {url!r}")
    request = Request(url, headers={"User-Agent": os.environ.get("COG_USER_AGENT", "cog")})  # noqa: S310
    with urlopen(request, timeout=60) as response, open(target, "wb") as file:  # noqa: S310
        shutil.copyfileobj(response, file)


class URLPath(Path):
    """A file that has not been downloaded yet: `convert()` downloads it to a temporary folder, once.

    A model's inputs are never of this type: the server downloads them before the prediction starts.
    """

    def __new__(cls, *, source: str, filename: str, fileobj: Any = None) -> URLPath:  # noqa: ARG004
        made: URLPath = super().__new__(cls, filename)
        return made

    def __init__(self, *, source: str, filename: str, fileobj: Any = None) -> None:
        try:
            super().__init__(filename)
        except TypeError:  # before Python 3.12 a path is made by __new__ alone
            super().__init__()
        self.source = source
        self.fileobj = fileobj
        self._fetched: Optional[Path] = None

    def convert(self) -> Path:
        if self._fetched is None:
            import shutil
            import tempfile

            target = Path(tempfile.mkdtemp(prefix="cog-")) / (self.name or "file")
            if self.fileobj is not None:
                with open(target, "wb") as file:
                    shutil.copyfileobj(self.fileobj, file)
            else:
                _download(self.source, str(target))
            self._fetched = target
        return self._fetched

    def unlink(self, missing_ok: bool = False) -> None:  # noqa: ARG002  # pathlib's signature
        """Remove the downloaded copy, if there is one."""
        if self._fetched is not None:
            os.unlink(self._fetched)
            self._fetched = None

    def __str__(self) -> str:
        return self.source if self._fetched is None else str(self._fetched)


class URLFile(io.IOBase):
    """A binary stream that downloads its URL when first read."""

    def __init__(self, url: str, filename: Optional[str] = None) -> None:
        self._url = url
        self.name = filename or os.path.basename(url.partition("?")[0]) or "file"
        self._response: Any = None

    def _opened(self) -> Any:
        if self._response is None:
            fetched = URLPath(source=self._url, filename=self.name).convert()
            self._response = open(fetched, "rb")  # noqa: SIM115  # closed by close()
        return self._response

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._opened().read(size)
        return data

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        if self._response is not None:
            self._response.close()
        super().close()
