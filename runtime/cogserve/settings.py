"""The settings of the server: environment variables and command-line options, read once at the start."""

from __future__ import annotations

import argparse
import ipaddress
import os
import re
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

import msgspec

MEBIBYTE = 1024 * 1024
SIZE = re.compile(r"^(\d+)\s*(B|KB|KiB|MB|MiB|GB|GiB)?$", re.IGNORECASE)
UNITS = {"b": 1, "kb": 10**3, "kib": 2**10, "mb": 10**6, "mib": 2**20, "gb": 10**9, "gib": 2**30}


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings of a server. Times are seconds, sizes are bytes."""

    host: str = "0.0.0.0"  # noqa: S104 - a container is reached through its network, as Cog's
    port: int = 5000
    mode: str = "predict"  # or train
    predict_ref: str = ""
    train_ref: str = ""
    upload_url: Optional[str] = None
    await_explicit_shutdown: bool = False

    max_concurrency: Optional[int] = None  # None: as the model says
    queue: int = 64
    deadline: Optional[float] = None
    max_body: int = 100 * MEBIBYTE
    max_inflight: int = 512 * MEBIBYTE  # of all requests that have not ended
    max_memory: Optional[int] = None  # of all that clients and the model make the server hold
    max_output: int = 512 * MEBIBYTE
    max_download: int = 1024 * MEBIBYTE
    setup_timeout: Optional[float] = None
    cancel_grace: float = 5.0  # from the cancel message to SIGTERM
    kill_grace: float = 2.0  # from SIGTERM to SIGKILL
    pre_stop: float = 0.0  # after SIGTERM: still taking predictions, but no longer ready
    drain: float = 30.0
    results_ttl: float = 300.0
    results_disk: int = 4096 * MEBIBYTE  # of large results that are kept in files
    throttle: float = 0.5
    stream_history: int = 1024
    write_timeout: float = 30.0  # that a client may lag behind MIN_RATE while it reads an answer
    body_timeout: float = 20.0  # that a client may lag behind MIN_RATE while it sends a body
    keep_alive: float = 20.0  # also the limit for a request's head
    parser: str = "httptools"

    allowed_hosts: Tuple[str, ...] = ()  # in the `Host` header; all if empty
    allow_private: Tuple[str, ...] = ()
    webhook_token: Optional[str] = None
    webhook_token_hosts: Tuple[str, ...] = ()
    user_agent: str = "cogfreeze-server"
    log_level: str = "info"
    log_format: str = "console"
    schema_path: str = "/opt/cog/openapi.json"
    lock_path: str = "/opt/cog/cog.lock"
    kubernetes: bool = False
    playground: bool = True  # the page at `/`, for browsers
    protocols: Tuple[str, ...] = ()  # besides Cog's
    model_name: str = "model"  # in those protocols

    @property
    def memory(self) -> int:
        """Bytes that clients and the model may make the server hold."""
        if self.max_memory is not None:
            return self.max_memory
        return max(self.max_inflight, self.max_body) + self.max_output + 512 * MEBIBYTE

    @property
    def ref(self) -> str:
        """The reference that the worker loads, `file.py:Name`."""
        return self.train_ref if self.mode == "train" else self.predict_ref

    @property
    def input_schema(self) -> str:
        return "TrainingInput" if self.mode == "train" else "Input"


class BadSettings(Exception):
    """Invalid settings, with every mistake.

    Args:
        mistakes: pairs of the setting's name and what is wrong with it.
    """

    def __init__(self, mistakes: List[Tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{name}: {text}" for name, text in mistakes))
        self.mistakes = mistakes


def _whole(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not re.match(r"^\d{1,9}$", text) or not least <= int(text) <= most:
            raise ValueError(f"`{text}` is not a whole number from {least} to {most}")
        return int(text)

    return read


def _seconds(text: str) -> float:
    if not re.match(r"^\d+(\.\d+)?$", text):
        raise ValueError(f"`{text}` is not a number of seconds")
    return float(text)


def _limit(text: str) -> Optional[float]:
    """Seconds, or None for no limit (an empty value or 0)."""
    return _seconds(text) or None


def _positive(text: str) -> float:
    if _seconds(text) == 0:
        raise ValueError("must be more than 0 seconds")
    return _seconds(text)


def _header(text: str) -> str:
    if not (text.isascii() and text.isprintable()):
        raise ValueError("has characters that a header cannot carry")
    return text


def _size(text: str) -> int:
    match = SIZE.match(text)
    if match is None:
        raise ValueError(f"`{text}` is not a size, such as 1048576 or 100MiB")
    size = int(match.group(1)) * UNITS[(match.group(2) or "B").lower()]
    if size == 0:
        raise ValueError("must be more than 0 bytes")
    return size


def _one_of(*names: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text.lower() not in names:
            raise ValueError(f"`{text}` is none of {', '.join(names)}")
        return text.lower()

    return read


def _switch(text: str) -> bool:
    try:
        return _boolean(text)
    except argparse.ArgumentTypeError as error:
        raise ValueError(str(error)) from None


def _several_of(*names: str) -> Callable[[str], Tuple[str, ...]]:
    def read(text: str) -> Tuple[str, ...]:
        found = tuple(word for word in re.split(r"[,\s]+", text) if word)
        for word in found:
            if word not in names:
                raise ValueError(f"`{word}` is none of {', '.join(names)}")
        return found

    return read


def _model_name(text: str) -> str:
    if not re.match(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$", text):
        raise ValueError(f"`{text}` is not a model's name: letters, digits and `.`, `_`, `-`")
    return text


def _hosts(text: str) -> Tuple[str, ...]:
    """Hosts and CIDRs, separated by commas or spaces."""
    entries = tuple(entry.lower() for entry in re.split(r"[,\s]+", text) if entry)
    for entry in entries:
        try:
            ipaddress.ip_network(entry, strict=False)
        except ValueError:
            if not re.match(r"^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$", entry):
                raise ValueError(f"`{entry}` is neither a host nor a CIDR") from None
    return entries


def _text(text: str) -> str:
    if not text.isprintable():
        raise ValueError("has characters that cannot be printed")
    return text


# Variable, field, reader. Names without our prefix are Cog's own.
VARIABLES: Tuple[Tuple[str, str, Callable[[str], Any]], ...] = (
    ("PORT", "port", _whole(0, 65535)),
    ("COG_PREDICT_TYPE_STUB", "predict_ref", _text),
    ("COG_TRAIN_TYPE_STUB", "train_ref", _text),
    ("COG_MAX_CONCURRENCY", "max_concurrency", _whole(1, 10_000)),
    ("COG_QUEUE", "queue", _whole(0, 1_000_000)),
    ("COG_DEADLINE", "deadline", _limit),
    ("COG_MAX_BODY", "max_body", _size),
    ("COG_MAX_INFLIGHT", "max_inflight", _size),
    ("COG_MAX_MEMORY", "max_memory", _size),
    ("COG_MAX_OUTPUT", "max_output", _size),
    ("COG_MAX_DOWNLOAD", "max_download", _size),
    ("COG_SETUP_TIMEOUT", "setup_timeout", _limit),
    ("COG_CANCEL_GRACE", "cancel_grace", _seconds),
    ("COG_KILL_GRACE", "kill_grace", _seconds),
    ("COG_PRE_STOP", "pre_stop", _seconds),
    ("COG_DRAIN", "drain", _seconds),
    ("COG_RESULTS_TTL", "results_ttl", _seconds),
    ("COG_RESULTS_DISK", "results_disk", _size),
    ("COG_THROTTLE_RESPONSE_INTERVAL", "throttle", _seconds),
    ("COG_STREAM_HISTORY_CAPACITY", "stream_history", _whole(0, 1_000_000)),
    ("COG_WRITE_TIMEOUT", "write_timeout", _positive),
    ("COG_BODY_TIMEOUT", "body_timeout", _positive),
    ("COG_KEEP_ALIVE", "keep_alive", _positive),
    ("COG_HTTP_PARSER", "parser", _one_of("httptools", "h11")),
    ("COG_ALLOWED_HOSTS", "allowed_hosts", _hosts),
    ("COG_ALLOW_PRIVATE_URLS", "allow_private", _hosts),
    ("WEBHOOK_AUTH_TOKEN", "webhook_token", _header),
    ("COG_WEBHOOK_AUTH_HOSTS", "webhook_token_hosts", _hosts),
    ("COG_USER_AGENT", "user_agent", _header),
    ("COG_LOG_LEVEL", "log_level", _one_of("debug", "info", "warning", "warn", "error")),
    ("LOG_FORMAT", "log_format", _one_of("console", "json")),
    ("COG_OPENAPI_SCHEMA", "schema_path", _text),
    ("COG_LOCK", "lock_path", _text),
    ("COG_PLAYGROUND", "playground", _switch),
    ("COG_PROTOCOLS", "protocols", _several_of("open-inference", "openai")),
    ("COG_MODEL_NAME", "model_name", _model_name),
)


def _boolean(text: str) -> bool:
    # Cog's own option reads `false` as true; a deployment that says false means it.
    if text.lower() in ("1", "true", "yes", "on"):
        return True
    if text.lower() in ("0", "false", "no", "off"):
        return False
    raise argparse.ArgumentTypeError(f"`{text}` is neither true nor false")


def parser() -> argparse.ArgumentParser:
    """The command line of `python -m cog.server.http`."""
    result = argparse.ArgumentParser(prog="python -m cog.server.http", description="Serve predictions over HTTP.")
    result.add_argument("--host", help="the address to listen on (default: all)")
    result.add_argument("--port", type=int, help="the port; 0 takes a free one (default: PORT, else 5000)")
    result.add_argument("--upload-url", metavar="URL", help="output files are PUT here, not sent as data URIs")
    result.add_argument(
        "--await-explicit-shutdown",
        type=_boolean,
        nargs="?",
        const=True,
        default=False,
        help="only POST /shutdown or SIGINT end the server; SIGTERM does not",
    )
    result.add_argument("--x-mode", choices=("predict", "train"), default="predict", help="what to serve")
    result.add_argument("--threads", type=int, help="taken for compatibility; has no effect")
    result.add_argument("-v", "--verbose", action="store_true", help="log more")
    return result


def read(arguments: argparse.Namespace, environment: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings that the command line and the environment give.

    Raises:
        BadSettings: with every mistake.
    """
    values: Dict[str, Any] = {}
    mistakes: List[Tuple[str, str]] = []
    for variable, field, reader in VARIABLES:
        text = environment.get(variable, "").strip()
        if not text:
            continue
        try:
            values[field] = reader(text)
        except ValueError as error:
            mistakes.append((variable, str(error)))
    values["mode"] = arguments.x_mode
    values["await_explicit_shutdown"] = arguments.await_explicit_shutdown
    values["kubernetes"] = bool(environment.get("KUBERNETES_SERVICE_HOST"))
    if arguments.host is not None:
        values["host"] = arguments.host
    if arguments.port is not None:
        values["port"] = arguments.port
    if arguments.upload_url:
        values["upload_url"] = arguments.upload_url
        if not re.match(r"^https?://[^\s\\]+$", arguments.upload_url):
            mistakes.append(("--upload-url", f"`{arguments.upload_url}` is not an http or https URL"))
    if arguments.verbose:
        values["log_level"] = "debug"
    variable = "COG_TRAIN_TYPE_STUB" if values["mode"] == "train" else "COG_PREDICT_TYPE_STUB"
    if variable not in environment:
        mistakes.append((variable, "is not set: it names what to serve, such as `predict.py:Predictor`"))
    if mistakes:
        raise BadSettings(mistakes)
    return Settings(**values)
