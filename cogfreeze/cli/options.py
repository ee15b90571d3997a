"""The options that several verbs share, each group in one place. What they mean is read where they are used."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from cogfreeze.cli import parser as types

if TYPE_CHECKING:
    import argparse

    Container = argparse._ActionsContainer

PROGRESS = ("auto", "plain", "tty", "quiet")


def add_file_option(parser: Container) -> None:
    """`-f`, which every verb of a project takes."""
    parser.add_argument("-f", "--file", metavar="FILE", help="the project's file (default: cog.yaml)")


def add_recipe_options(parser: Container) -> None:
    """What to build; `building.choice_from` reads it."""
    add_file_option(parser)
    parser.add_argument(
        "--platform", type=types.platform, metavar="PLATFORM", help="one of the lock's platforms: linux/amd64"
    )
    add_choice_options(parser)


def add_choice_options(parser: Container) -> None:
    """The same, without the project's file and the platform."""
    parser.add_argument(
        "--syntax",
        choices=("pinned", "builtin"),
        default="pinned",
        help="the Dockerfile frontend: the pinned one (default), or the engine's own",
    )
    parser.add_argument("--openapi-schema", metavar="FILE", help="read the OpenAPI document from a file")
    parser.add_argument(
        "--separate-weights",
        action="store_true",
        help="put files of 10 MiB or more, other than source code, into a layer of their own",
    )


def add_engine_options(parser: Container) -> None:
    """How the engine builds it; `building.options_from` reads it."""
    given = os.environ.get("BUILDKIT_PROGRESS", "auto")
    parser.add_argument(
        "--secret",
        dest="secrets",
        action="append",
        default=[],
        metavar="SPEC",
        help="a secret for the commands that mount it: id=NAME,src=FILE or id=NAME,env=VARIABLE; can be repeated",
    )
    parser.add_argument(
        "--progress",
        choices=PROGRESS,
        default=given if given in PROGRESS else "auto",
        help="one line per step (auto), also the output of commands (plain), the engine's display (tty), or"
        " nothing (quiet)",
    )
    parser.add_argument("--network", choices=("default", "host"), help="the network of commands that may use one")


def add_container_options(parser: Container) -> None:
    """What the container of a model or a command gets."""
    parser.add_argument(
        *("-e", "--env"),
        dest="variables",
        action="append",
        default=[],
        metavar="NAME[=VALUE]",
        help="an environment variable; without a value, the one set here; can be repeated",
    )
    parser.add_argument("--gpus", metavar="GPUS", help="the container's GPUs: all, a number, or device=0")


def add_model_options(parser: Container) -> None:
    """Where a model runs, and with what; `running.chosen` reads it."""
    parser.add_argument("image", nargs="?", metavar="IMAGE", help="run this image, not the project's")
    parser.add_argument("--local", action="store_true", help="run on this machine from cog.lock, without Docker")
    add_container_options(parser)
    add_recipe_options(parser)
    add_engine_options(parser)


def add_cog_options(parser: Container) -> None:
    """Options of Cog's `build`; `as_cog` says what they mean here."""
    parser.add_argument(
        "--use-cog-base-image",
        nargs="?",
        const="true",
        choices=("true", "false"),
        help="has no effect: the base image is the locked one",
    )
    parser.add_argument(
        "--use-cuda-base-image",
        nargs="?",
        const="true",
        default="auto",
        choices=("true", "false", "auto"),
        help="fail unless the locked base image is a CUDA image (true), or is not one (false)",
    )
