"""The `cog` command: finds the verb, runs it, and turns every failure into a message and an exit status.

A verb is a module of `cogfreeze.cli.verbs` with `configure(parser)` and `run(arguments) -> int`, and perhaps
`EXAMPLES`, command lines for its help. Only the verb that is asked for is imported, so `cog --help` stays quick.
"""

from __future__ import annotations

import importlib
import os
import sys
import textwrap
import threading
from difflib import get_close_matches
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from cogfreeze.cli.parser import (
    WIDTH,
    HelpFormatter,
    Parser,
    add_global_options,
    asked_as_json,
    split_global_options,
)
from cogfreeze.errors import CogError, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from types import ModuleType

# Verb → what it does; `cog --help` shows it as it stands, so that it fits 80 columns.
VERBS = {
    "init": "start a project in this folder: cog.yaml and predict.py",
    "config": "print the project as cogfreeze understands it",
    "schema": "print the OpenAPI document of the inputs and outputs",
    "lock": "resolve base image, apt and Python packages into cog.lock",
    "diff": "show what changed between two locks, riskiest changes first",
    "why": "show what requires a package",
    "tree": "show the dependency tree",
    "outdated": "show packages that have newer versions",
    "audit": "check the locked packages for known vulnerabilities",
    "sbom": "write a bill of materials, as CycloneDX or SPDX",
    "licenses": "list licences, and fail if one is not accepted",
    "report": "write an HTML report about the lock",
    "ci": "run all checks for a pull request, in any CI",
    "dockerfile": "print or write the Dockerfile and its build context",
    "build": "build the image from cog.lock",
    "verify": "build twice from scratch and compare, bit for bit",
    "predict": "run one prediction, in the image or with --local",
    "serve": "serve predictions over HTTP, in the image or with --local",
    "playground": "try a model in the browser, on any server with Cog's API",
    "deploy": "write manifests for Kubernetes, KServe, Compose and others",
    "doctor": "check the project and this machine; --fix writes safe fixes",
    "run": "run a command in the image; with -i, run a prediction",
    "exec": "run a command in the image",
    "cache": "show, prune or clean this machine's cache",
}
# How `cog --help` groups them; a verb that is in none comes under «More».
GROUPS = {
    "Project": ("init", "config", "schema"),
    "Lock": ("lock", "diff", "why", "tree", "outdated", "audit", "sbom", "licenses", "report", "ci"),
    "Image": ("build", "verify", "dockerfile", "exec", "deploy"),
    "Model": ("predict", "serve", "playground", "run"),
    "Machine": ("cache", "doctor"),
}
# Verbs of Cog's that are not here → what to type in their place.
COGS = {
    "push": "`cog build -t NAME --push` pushes the image that it builds",
    "login": "`docker login` logs in to a registry",
    "train": "`cog serve --local` answers POST /trainings",
    "debug": "`cog dockerfile` prints the Dockerfile",
    "weights": "keep weights in the project's folder, or lock them with `inputs:` of `build.run`",
    "base-image": "`build.base_image` in cog.yaml names the base image",
    "migrate": "`cog config` reads Cog's cog.yaml as it is, and says what differs",
}


def _program() -> str:
    name = os.path.basename(sys.argv[0] or "cog")  # noqa: PTH119  # a name, never opened
    return name if name in ("cog", "cogfreeze") else "cog"


def _unknown_verb(verb: str) -> UsageError:
    if instead := COGS.get(verb):
        return UsageError(f"`{_program()} {verb}` is not available", hint=instead)
    near = get_close_matches(verb, VERBS, n=1)
    hint = f"did you mean `{_program()} {near[0]}`?" if near else f"see `{_program()} --help`"
    return UsageError(f"there is no command `{verb}`", hint=hint)


def _module(verb: str) -> ModuleType:
    return importlib.import_module(f"cogfreeze.cli.verbs.{verb}")


def verb_parser(verb: str, module: ModuleType) -> Parser:
    """Return the parser of a verb, with its help."""
    parser = Parser(f"{_program()} {verb}", VERBS[verb])
    module.configure(parser)
    words = [str(each.metavar or each.dest) for each in parser._get_positional_actions()]
    parser.usage = " ".join([parser.prog, "[options]", *words])
    add_global_options(parser)
    parser.formatter_class = HelpFormatter
    notes = (parser.epilog or "").splitlines()
    parser.epilog = "\n".join(line for each in notes for line in textwrap.wrap(each, WIDTH) or [""])
    examples: Sequence[str] = getattr(module, "EXAMPLES", ())
    if examples:
        shown = "examples:\n" + "\n".join(f"  {each}" for each in examples)
        parser.epilog = f"{parser.epilog}\n\n{shown}" if parser.epilog else shown
    return parser


def _help(words: Sequence[str]) -> int:
    from cogfreeze.cli import topics

    if not words:
        print(topics.overview(_program(), VERBS, GROUPS), end="")
    elif words[0] in VERBS:
        verb_parser(words[0], _module(words[0])).print_help()
    elif words[0] in COGS:
        raise _unknown_verb(words[0])
    else:
        print(topics.topic(words[0], VERBS), end="")
    return 0


def _apply(arguments: argparse.Namespace) -> None:
    """Do what the global options ask for."""
    from cogfreeze.cli import terminal

    if arguments.directory is not None:
        try:
            os.chdir(arguments.directory)
        except OSError as error:
            what = (error.strerror or "cannot be entered").lower()
            raise UsageError(f"`-C {arguments.directory}`: {what}", hint="give the path of a folder") from None
    if arguments.quiet and arguments.verbose:
        raise UsageError("`--quiet` and `--verbose` cannot be used together", hint="use one of them")
    terminal.configure(quiet=arguments.quiet or getattr(arguments, "progress", None) == "quiet")
    if arguments.offline:
        os.environ["COG_OFFLINE"] = "1"
    if getattr(arguments, "progress", None) == "auto":
        arguments.progress = "quiet" if arguments.quiet else "plain" if arguments.verbose else "auto"
    if arguments.verbose:
        from cogfreeze.cli import verbose

        verbose.show_requests()


class _Run:
    """One run of the command line; remembers what its errors need to know."""

    def __init__(self, words: Sequence[str]) -> None:
        self.words = list(words)
        self.as_json = asked_as_json(words)
        self.verbose = bool(os.environ.get("COG_DEBUG"))

    def dispatch(self) -> int:
        """Run the verb that the words name."""
        given, words = split_global_options(self.words)
        if not words or words[0] in ("-h", "--help"):
            return _help(())
        if words[0] in ("-V", "--version", "version"):
            print(f"{_program()} {version('cogfreeze')}")
            return 0
        if words[0] == "help":
            return _help([each for each in words[1:] if each not in ("-h", "--help")])
        if words[0].startswith("-"):
            raise _unknown_option(words[0])
        verb = words[0]
        if verb not in VERBS:
            raise _unknown_verb(verb)
        # `predict` and `run` take the inputs after `--json`.
        self.as_json = self.as_json and verb not in ("predict", "run")
        module = _module(verb)
        arguments = verb_parser(verb, module).parse([*given, *words[1:]])
        self.as_json = asked_as_json(words, arguments)
        self.verbose = self.verbose or arguments.verbose
        _apply(arguments)
        status: int = module.run(arguments)
        return status

    def show(self, error: CogError) -> None:
        from cogfreeze.cli import failures

        failures.show(error, as_json=self.as_json)


def _unknown_option(word: str) -> UsageError:
    known = ["-C", "--directory", "--quiet", "--verbose", "--offline", "--version", "--help"]
    near = get_close_matches(word, known, n=1, cutoff=0.75)
    hint = f"did you mean `{near[0]}`?" if near else "the options of a command follow its name"
    return UsageError(f"`{_program()}` has no option `{word}`", hint=hint)


def _of_machine(error: OSError) -> CogError:
    """What the operating system refused: no space, no permission, a folder where a file should be."""
    import errno

    what = error.strerror or str(error)
    hints = {
        errno.ENOSPC: "free some disk space; `cog cache prune` removes what was not used for 30 days",
        errno.EDQUOT: "free some disk space; `cog cache prune` removes what was not used for 30 days",
        errno.EACCES: "check the permissions; `COG_CACHE_DIR` names another folder for the cache",
        errno.EROFS: "the file system is read-only; `COG_CACHE_DIR` names another folder for the cache",
    }
    where = str(error.filename) if error.filename else None
    hint = hints.get(error.errno) if error.errno else None
    return CogError(what[:1].lower() + what[1:], where=where, hint=hint)


def _of_ours(error: Exception) -> CogError:
    return CogError(
        f"a bug in cogfreeze {version('cogfreeze')}: {type(error).__name__}: {error}",
        hint="`COG_DEBUG=1` shows where; please report it with that output",
    )


def _leave_threads(status: int) -> None:
    """End the process where other threads run: one that waits for a server would keep it for a minute."""
    if any(not each.daemon for each in threading.enumerate() if each is not threading.main_thread()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def main(words: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    run = _Run(sys.argv[1:] if words is None else words)
    before, environment = Path.cwd() if Path().exists() else None, dict(os.environ)
    try:
        return run.dispatch()
    except CogError as error:
        run.show(error)
        return error.exit_status
    except BrokenPipeError:
        # The reader of our output (`cog config | head`) has gone; Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        from cogfreeze.cli import terminal

        terminal.show_interrupt()
        _leave_threads(130)
        return 130
    except OSError as error:
        run.show(_of_machine(error))
        return 1
    except Exception as error:  # the last place that can tell it in words
        if run.verbose:
            raise
        run.show(_of_ours(error))
        return 70
    finally:
        if words is not None:  # called by a program that goes on: it keeps its folder and environment
            if before is not None:
                os.chdir(before)
            os.environ.clear()
            os.environ.update(environment)


if __name__ == "__main__":
    sys.exit(main())
