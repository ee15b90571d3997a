"""The README's minute: its commands and what it says that they print."""

import re
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def minute():
    """Return the commands under «A minute with your own model», each with the lines that it is said to print."""
    text = README.read_text().partition("## A minute with your own model\n")[2]
    block = re.search(r"```console\n(.*?)```", text, re.DOTALL)[1]
    found = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append((re.sub(r"\s+#.*", "", line[2:]), []))
        else:
            found[-1][1].append(line)
    return found


def for_this_machine(folder):
    """Change the one line of `cog init` that a test machine cannot follow: it has Python 3.11 alone."""
    path = folder / "cog.yaml"
    text = path.read_text()
    assert text.count('python_version: "3.13"') == 1
    path.write_text(text.replace('"3.13"', '"3.11"'))
