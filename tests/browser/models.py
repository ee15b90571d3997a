"""The predictors that the page is tried with: every kind of input and output."""

TEXT = """
    from cog import BasePredictor, Input

    class Predictor(BasePredictor):
        def predict(
            self,
            text: str = Input(description="What to say"),
            times: int = Input(description="How often", ge=1, le=5, default=2),
            loud: bool = Input(description="In capitals", default=False),
        ) -> str:
            print("saying it")
            words = " ".join([text] * times)
            return words.upper() if loud else words
"""

STREAM = """
    import time

    import cog
    from cog import BasePredictor, ConcatenateIterator

    class Predictor(BasePredictor):
        @cog.streaming
        def predict(self, prompt: str, words: int = 5, pause: float = 0.05) -> ConcatenateIterator[str]:
            for number in range(words):
                print("word", number)
                cog.current_scope().record_metric("words", number + 1)
                time.sleep(pause)
                yield f"{prompt} {number} "
"""

SLOW = """
    import time

    from cog import BasePredictor

    class Predictor(BasePredictor):
        def predict(self, seconds: float = 60) -> str:
            print("sleeping")
            time.sleep(seconds)
            return "awake"
"""

PICTURE = """
    import struct, tempfile, zlib
    from cog import BasePredictor, Input, Path

    def png(width, height, colour):
        rows = b"".join(b"\\0" + bytes(colour) * width for _ in range(height))
        def chunk(kind, data):
            return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
        parts = chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")
        return b"\\x89PNG\\r\\n\\x1a\\n" + b"".join(parts)

    class Predictor(BasePredictor):
        def predict(
            self,
            image: Path = Input(description="A picture; its size is printed", default=None),
            size: int = Input(ge=16, le=512, default=160),
            colour: str = Input(choices=["red", "green", "blue"], default="blue"),
        ) -> Path:
            if image is not None:
                print("bytes:", len(open(image, "rb").read()), image.suffix)
            path = Path(tempfile.mkdtemp()) / "picture.png"
            path.write_bytes(png(size, size // 2, [255 * (colour == each) for each in ("red", "green", "blue")]))
            return path
"""

PICTURES = (
    PICTURE.replace("    import struct", "    import time\n    from typing import Iterator\n    import struct")
    .replace(") -> Path:", ") -> Iterator[Path]:")
    .replace(
        "            return path\n",
        "            yield path\n            time.sleep(0.3)\n            yield path\n",
    )
)

SOUND = """
    import tempfile, wave
    from cog import BasePredictor, Input, Path

    class Predictor(BasePredictor):
        def predict(self, seconds: float = Input(ge=0.1, le=2, default=0.5)) -> Path:
            path = Path(tempfile.mkdtemp()) / "tone.wav"
            with wave.open(str(path), "wb") as sound:
                sound.setnchannels(1)
                sound.setsampwidth(1)
                sound.setframerate(8000)
                sound.writeframes(bytes(int(127 + 100 * (n // 10 % 2)) for n in range(int(8000 * seconds))))
            return path
"""

FILM = """
    import tempfile
    from cog import BasePredictor, Path

    class Predictor(BasePredictor):
        def predict(self) -> Path:
            path = Path(tempfile.mkdtemp()) / "film.mp4"
            path.write_bytes(b"\\0\\0\\0\\x18ftypmp42\\0\\0\\0\\0mp42isom")
            return path
"""

STRUCTURE = """
    import tempfile
    from typing import Dict, List
    from cog import BaseModel, BasePredictor, Path

    class Output(BaseModel):
        label: str
        scores: Dict[str, float]
        report: Path

    class Predictor(BasePredictor):
        def predict(self, text: str = "x") -> Output:
            path = Path(tempfile.mkdtemp()) / "report.txt"
            path.write_text("the report")
            return Output(label="cat", scores={"cat": 0.9, "dog": 0.1}, report=path)
"""

JSON_OUTPUT = """
    from typing import Any, Dict
    from cog import BasePredictor

    class Predictor(BasePredictor):
        def predict(self, options: dict = None) -> Any:
            return {"options": options, "numbers": [1, 2.5, None, True]}
"""

LISTS = """
    from typing import List
    from cog import BasePredictor, Input, Path

    class Predictor(BasePredictor):
        def predict(
            self,
            words: List[str] = Input(description="Said one after another", default=["one", "two"]),
            numbers: List[int] = Input(default=[1]),
            files: List[Path] = Input(default=[]),
        ) -> str:
            return f"{words} {numbers} {[open(file, 'rb').read() for file in files]}"
"""

OPTIONAL = """
    from typing import Optional
    from cog import BasePredictor, Input, Secret

    class Predictor(BasePredictor):
        def predict(
            self,
            seed: Optional[int] = Input(description="Chance, if not set", default=None),
            note: Optional[str] = None,
            sure: Optional[bool] = None,
            token: Secret = Input(description="Of the hub", default=None),
            level: int = Input(choices=[1, 2, 3]),
            code: str = Input(default="ab", min_length=2, max_length=4, regex="^[a-z]+$"),
        ) -> str:
            token = token.get_secret_value() if token else None
            return f"{seed} {note} {sure} {token} {level} {code}"
"""

FAILING = """
    from cog import BasePredictor

    class Predictor(BasePredictor):
        def predict(self, text: str = "x") -> str:
            print("about to fail")
            raise ValueError("<b>there is no model</b>")
"""

NO_INPUT = """
    from cog import BasePredictor

    class Predictor(BasePredictor):
        def predict(self) -> int:
            return 42
"""

BROKEN_SETUP = """
    from cog import BasePredictor

    class Predictor(BasePredictor):
        def setup(self):
            raise RuntimeError("the weights are missing")

        def predict(self) -> str:
            return ""
"""

HOSTILE = """
    from cog import BasePredictor, Input

    class Predictor(BasePredictor):
        def predict(
            self,
            text: str = Input(
                description="</p><script>window.hacked = 1</script><img src=x onerror='window.hacked = 2'>",
                default="\\"><script>window.hacked = 3</script>",
            ),
            kind: str = Input(
                description="javascript:alert(1)", choices=["<img src=x onerror='window.hacked = 4'>", "</select>"]
            ),
        ) -> str:
            return f"<img src=x onerror='window.hacked = 5'>{text}"
"""

EVERY = {
    "text": TEXT,
    "stream": STREAM,
    "slow": SLOW,
    "picture": PICTURE,
    "pictures": PICTURES,
    "sound": SOUND,
    "film": FILM,
    "structure": STRUCTURE,
    "json": JSON_OUTPUT,
    "lists": LISTS,
    "optional": OPTIONAL,
    "failing": FAILING,
    "no-input": NO_INPUT,
    "broken-setup": BROKEN_SETUP,
    "hostile": HOSTILE,
}
