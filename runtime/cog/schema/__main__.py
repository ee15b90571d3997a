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

    warnings: list[Mistake] = []
    train, words = _split(words)
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


def _split(words: list[str]) -> tuple[str | None, list[str]]:
    """Return the reference after `--train`, and the other words."""
    if "--train" not in words:
        return None, words
    at = words.index("--train")
    return "".join(words[at + 1 : at + 2]), words[:at] + words[at + 2 :]


def _print(mistakes: list[Mistake]) -> None:
    import json

    for mistake in mistakes:
        print(json.dumps(mistake._asdict()), file=sys.stderr)


def main_importing(words: list[str]) -> int:
    """Import the predictor, and write to the file that is named first what was found: a document, or mistakes.

    Whatever the model's code prints goes to stderr.
    """
    import json

    from cog.schema import SourceMistakes
    from cog.schema.importing import read_imported

    train, references = _split(words[1:])
    os.dup2(2, 1)
    sys.path.insert(0, os.getcwd())
    try:
        found: dict[str, object] = {"document": read_imported("".join(references[:1]) or None, train)}
    except SourceMistakes as error:
        found = {"mistakes": [mistake._asdict() for mistake in error.mistakes]}
    with open(words[0], "w", encoding="utf-8") as file:
        json.dump(found, file)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
