"""The `cog` command: finds the verb, runs it, and turns every failure into a message and an exit status.

A verb is a module of this package with `configure(parser)` and `run(arguments) -> int`. Only the verb that is
asked for is imported, so `cog --help` stays quick.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import threading
from importlib.metadata import version
from typing import NoReturn

from cogfreeze.errors import CogError, ProjectErrors, UsageError

# Verb → what it does, in the order of a project's life. `cog --help` shows it as it stands.
VERBS = {
    "init": "start a project in this folder: cog.yaml and predict.py",
    "config": "print the project as cogfreeze understands it",
    "schema": "print the OpenAPI document of the project's inputs and outputs",
    "lock": "resolve base image, apt and Python packages into cog.lock",
    "diff": "show what changed between two locks, what is dangerous first",
    "why": "show because of what a package is in the lock",
    "tree": "show which package requires which",
    "dockerfile": "print or write the Dockerfile and its build context",
    "build": "build the image from cog.lock",
    "verify": "build twice from nothing and compare the digests, bit for bit",
    "predict": "run one prediction, in the image or with --local",
    "serve": "serve predictions over HTTP, in the image or with --local",
    "deploy": "write manifests for Kubernetes, KServe, Knative, Compose or docker run",
    "run": "run a command in the image; with -i, a prediction",
    "exec": "run a command in the image",
}


class _Parser(argparse.ArgumentParser):
    """An argparse parser whose complaints look like every other error here."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, hint=f"see `{self.prog} --help`")


def _program() -> str:
    name = os.path.basename(sys.argv[0] or "cog")  # noqa: PTH119  # a name, never opened
    return name if name in ("cog", "cogfreeze") else "cog"


def _help() -> str:
    width = max(map(len, VERBS))
    verbs = "\n".join(f"  {name:<{width}}  {what}" for name, what in VERBS.items())
    return (
        f"usage: {_program()} [--version] [--help] VERB ...\n\n"
        "Packages a machine-learning model into a container image that is the same, byte for byte, wherever it\n"
        f"is built.\n\n{verbs}\n\n`{_program()} VERB --help` tells more of one.\n"
    )


def _unknown_verb(verb: str) -> UsageError:
    from difflib import get_close_matches

    near = get_close_matches(verb, VERBS, n=1)
    hint = f"did you mean `{near[0]}`?" if near else f"see `{_program()} --help`"
    return UsageError(f"there is no verb `{verb}`", hint=hint)


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        print(_help(), end="")
        return 0
    if words[0] in ("-V", "--version", "version"):
        print(f"{_program()} {version('cogfreeze')}")
        return 0
    verb = words[0]
    if verb not in VERBS:
        raise _unknown_verb(verb)
    module = importlib.import_module(f"cogfreeze.cli.verbs.{verb}")
    parser = _Parser(
        prog=f"{_program()} {verb}",
        description=VERBS[verb][0].upper() + VERBS[verb][1:] + ".",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    module.configure(parser)
    status: int = module.run(parser.parse_args(words[1:]))
    return status


def _of_machine(error: OSError) -> CogError:
    """What the machine refused: no space, no permission, a folder in a file's place."""
    what = error.strerror or str(error)
    return CogError(what[:1].lower() + what[1:], where=str(error.filename) if error.filename else None)


def _of_ours(error: Exception) -> CogError:
    return CogError(
        f"a bug of cogfreeze {version('cogfreeze')}: {type(error).__name__}: {error}",
        hint="`COG_DEBUG=1` shows where; please report it with what that prints",
    )


def _leave_threads(status: int) -> None:
    """End the process where other threads run: one that waits for a server would keep it for a minute."""
    if any(not each.daemon for each in threading.enumerate() if each is not threading.main_thread()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def main(words: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    from cogfreeze.cli import terminal

    try:
        return _dispatch(sys.argv[1:] if words is None else words)
    except ProjectErrors as error:
        for each in error.errors:
            terminal.show_error(each)
        return error.exit_status
    except CogError as error:
        terminal.show_error(error)
        return error.exit_status
    except BrokenPipeError:
        # The reader of our output (`cog config | head`) has gone; Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        terminal.show_interrupt()
        _leave_threads(130)
        return 130
    except OSError as error:
        terminal.show_error(_of_machine(error))
        return 1
    except Exception as error:  # the last place that can tell it in words
        if os.environ.get("COG_DEBUG"):
            raise
        terminal.show_error(_of_ours(error))
        return 70


if __name__ == "__main__":
    sys.exit(main())
