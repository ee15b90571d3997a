"""Prints the page and its policy as JSON, for a program that serves it itself: `python -m cogserve.page`."""

from __future__ import annotations

import json
import sys

from cogserve.page import page


def main() -> None:
    html, policy = page()
    json.dump({"html": html, "policy": policy}, sys.stdout)


if __name__ == "__main__":
    main()
