"""`python -m cog.schema [predict.py:Predictor] [--train train.py:train]`, in the project's folder.

Prints the OpenAPI document; without a reference, the part that is the same for every model. On failure it prints
one JSON object per mistake on stderr, with file, line, message and hint, and exits with status 2.
"""

from __future__ import annotations

import os
import sys

# A project file may have the name of a standard module (`signal.py`, `json.py`); none may be imported here.
sys.path[:] = [folder for folder in sys.path if folder not in ("", os.getcwd())]


def main(words: list[str]) -> int:
    from cog.schema import SourceMistakes, read

    train = None
    if "--train" in words:
        at = words.index("--train")
        train, words = "".join(words[at + 1 : at + 2]), words[:at] + words[at + 2 :]
    if len(words) > 1:
        print("usage: python -m cog.schema [FILE.py:NAME] [--train FILE.py:NAME]", file=sys.stderr)
        return 64
    try:
        data = read(os.getcwd(), words[0] if words else None, train).encode()
    except SourceMistakes as error:
        import json

        for mistake in error.mistakes:
            print(json.dumps(mistake._asdict()), file=sys.stderr)
        return 2
    sys.stdout.buffer.write(data)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
