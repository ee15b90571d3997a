"""`python -m cog.schema [predict.py:Predictor] [--train train.py:train]`, in the project's folder.

Prints the OpenAPI document; without a reference, the part that is the same for every model. Each mistake is one
JSON object on stderr, with file, line, message and hint, and the exit status is 2. Warnings look the same, and the
exit status is 0.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cog.schema import Mistake

# A project file may have the name of a standard module (`signal.py`, `json.py`); none may be imported here.
sys.path[:] = [folder for folder in sys.path if folder not in ("", os.getcwd())]


def main(words: list[str]) -> int:
    from cog.schema import SourceMistakes, read

    train = None
    warnings: list[Mistake] = []
    if "--train" in words:
        at = words.index("--train")
        train, words = "".join(words[at + 1 : at + 2]), words[:at] + words[at + 2 :]
    if len(words) > 1:
        print("usage: python -m cog.schema [FILE.py:NAME] [--train FILE.py:NAME]", file=sys.stderr)
        return 64
    try:
        data = read(os.getcwd(), words[0] if words else None, train, warnings).encode()
    except SourceMistakes as error:
        _print(error.mistakes)
        return 2
    _print(warnings)
    sys.stdout.buffer.write(data)
    return 0


def _print(mistakes: list[Mistake]) -> None:
    import json

    for mistake in mistakes:
        print(json.dumps(mistake._asdict()), file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
