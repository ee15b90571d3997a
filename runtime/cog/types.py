"""The types of inputs and outputs beyond Python's own."""

from __future__ import annotations

import io
import os
import pathlib
from typing import TYPE_CHECKING, Any, AsyncIterator, Callable, Dict, Iterator, Optional, TypeVar, Union

from cog.input import Input

__all__ = [
    "FILENAME_ILLEGAL_CHARS",
    "FILENAME_MAX_LENGTH",
    "AsyncConcatenateIterator",
    "ConcatenateIterator",
    "File",
    "Input",
    "Item",
    "Opaque",
    "Path",
    "Secret",
    "URLFile",
    "URLPath",
    "URLTempFile",
    "Weights",
    "get_filename",
]

Item = TypeVar("Item")

FILENAME_ILLEGAL_CHARS = frozenset("\0/")
FILENAME_MAX_LENGTH = 200  # bytes; file systems allow 255


class _Field:
    """Lets a type be a field of a pydantic model, of version 1 or 2, without importing pydantic.

    A core schema of pydantic 2 is a plain dict, so it can be written down here.
    """

    @classmethod
    def validate(cls, value: Any) -> Any:
        raise NotImplementedError

    @classmethod
    def _json_schema(cls) -> Dict[str, Any]:
        return {"type": "string", "format": "uri"}

    @classmethod
    def __get_validators__(cls) -> Iterator[Callable[[Any], Any]]:  # pydantic 1
        yield cls.validate

    @classmethod
    def __modify_schema__(cls, schema: Dict[str, Any]) -> None:  # pydantic 1
        schema.update(cls._json_schema())

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> Dict[str, Any]:
        return {"type": "function-plain", "function": {"type": "no-info", "function": cls.validate}}

    @classmethod
    def __get_pydantic_json_schema__(cls, _core_schema: Any, _handler: Any) -> Dict[str, Any]:
        return cls._json_schema()


if TYPE_CHECKING:
    _Path = pathlib.PosixPath
else:
    _Path = type(pathlib.Path())  # pathlib.Path itself has no subclasses before Python 3.12


class Path(_Field, _Path):
    """A file. An input of this type has already been downloaded; an output of this type is sent to the client."""

    @classmethod
    def validate(cls, value: Any) -> Any:
        """Return a path unchanged, and an http(s) URL or data URI as a `URLPath`.

        Raises:
            ValueError: it is neither. A plain string is not taken as the name of a file.
        """
        if isinstance(value, pathlib.PurePath):
            return value if isinstance(value, Path) else cls(value)
        if not isinstance(value, str):
            raise ValueError(f"expected a Path, an http(s) URL or a data URI, not {type(value).__name__}")
        content = None if value.startswith(("http://", "https://")) else File.validate(value)
        return URLPath(source=value, filename=get_filename(value), fileobj=content)


class File(_Field, io.IOBase):
    """A file as an open binary stream. Prefer `Path`, which also has a name."""

    @classmethod
    def validate(cls, value: Any) -> Any:
        """Return an open file unchanged, the content of a data URI, and an http(s) URL as a `URLFile`.

        Raises:
            ValueError: it is none of these.
        """
        if isinstance(value, io.IOBase) or hasattr(value, "read"):
            return value
        if isinstance(value, str) and value.startswith("data:"):
            from urllib.request import urlopen

            with urlopen(value) as content:  # noqa: S310  # a data URI is decoded, nothing is requested
                return io.BytesIO(content.read())
        if isinstance(value, str) and value.startswith(("http://", "https://")):
            return URLFile(value)
        shown = repr(value[:60]) if isinstance(value, str) else type(value).__name__
        raise ValueError(f"expected an open file, an http(s) URL or a data URI, not {shown}")


class Secret(_Field):
    """A string that prints as asterisks; `get_secret_value()` returns it."""

    __slots__ = ("_value",)

    def __init__(self, secret_value: Optional[str] = None) -> None:
        self._value = secret_value

    @classmethod
    def validate(cls, value: Any) -> Any:
        if isinstance(value, Secret):
            return value
        if value is None or isinstance(value, str):
            return cls(value)
        raise ValueError(f"expected a Secret or a string, not {type(value).__name__}")

    @classmethod
    def _json_schema(cls) -> Dict[str, Any]:
        return {"type": "string", "format": "password", "writeOnly": True}

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


def get_filename(url: str) -> str:
    """Return a valid file name for an http(s) URL, from its last path segment, or for a data URI."""
    from urllib.parse import unquote, urlsplit

    if url.startswith("data:"):
        import mimetypes

        media_type = url[len("data:") :].partition(",")[0].partition(";")[0]
        return "file" + (mimetypes.guess_extension(media_type) or "")
    name = os.path.basename(unquote(urlsplit(url).path))
    name = "".join("_" if char in FILENAME_ILLEGAL_CHARS else char for char in name)
    stem, suffix = os.path.splitext(name)
    while len(os.fsencode(stem + suffix)) > FILENAME_MAX_LENGTH:
        stem, suffix = stem[:-1], suffix if stem else suffix[:-1]
    return stem + suffix or "file"


def _require_web(url: str) -> None:
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"only http and https URLs can be downloaded, not {url!r}")


def _download(url: str, target: str) -> None:
    import shutil
    from urllib.request import Request, urlopen

    _require_web(url)
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
        except TypeError:  # before Python 3.12 a path is created by __new__ alone
            super().__init__()
        self.source = source
        self.filename = filename
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
    """A binary stream that downloads its URL when first read.

    Raises:
        ValueError: the URL is neither http nor https.
    """

    def __init__(self, url: str, filename: Optional[str] = None) -> None:
        _require_web(url)
        self._url = url
        self.name = filename or get_filename(url)
        self._response: Any = None

    def _opened(self) -> Any:
        if self._response is None:
            fetched = URLPath(source=self._url, filename=self.name).convert()
            self._response = open(fetched, "rb")  # noqa: SIM115  # closed by close()
        return self._response

    @property
    def url(self) -> str:
        return self._url

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._opened().read(size)
        return data

    def readline(self, size: Optional[int] = -1) -> bytes:
        line: bytes = self._opened().readline(size)
        return line

    def seek(self, offset: int, whence: int = 0) -> int:
        position: int = self._opened().seek(offset, whence)
        return position

    def tell(self) -> int:
        position: int = self._opened().tell()
        return position

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        if self._response is not None:
            self._response.close()
        super().close()

    def __reduce__(self) -> Any:  # a copy, also in another process, downloads the file again
        return URLFile, (self._url, self.name)


# Names of earlier releases.
URLTempFile = URLPath
Weights = Union[File, Path, str]
