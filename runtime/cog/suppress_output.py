"""Silences what code prints, C code and child processes included."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from typing import Iterator


@contextmanager
def suppress_output() -> Iterator[None]:
    """Discard everything that is written to stdout and stderr while the block runs, by the whole process."""
    sys.stdout.flush()
    sys.stderr.flush()
    with ExitStack() as stack:
        null = stack.enter_context(open(os.devnull, "w"))
        for number in (1, 2):
            saved = os.dup(number)
            stack.callback(os.close, saved)
            stack.callback(os.dup2, saved, number)
            os.dup2(null.fileno(), number)
        stack.enter_context(redirect_stdout(null))
        stack.enter_context(redirect_stderr(null))
        yield
