"""Calls the webhooks of predictions: in order, one call at a time, each with the whole state.

`start` and `completed` are sent once each; `output` and `logs` at most every `throttle` seconds, each call with
everything since the last. Only `completed` is retried.
"""

from __future__ import annotations

import contextlib
import logging
from collections import OrderedDict
from typing import TYPE_CHECKING, Iterator, List, Optional, Set, Tuple

import trio

from cogserve.files.client import Client, ExchangeFailed, Request
from cogserve.files.guard import Refused, parse
from cogserve.predictions.encoding import Encoded
from cogserve.protocol import EVENTS

if TYPE_CHECKING:
    from cogserve.predictions.prediction import Event, Prediction
    from cogserve.settings import Settings

TRIES = 12
FIRST_PAUSE = 0.1
MOST_DOUBLINGS = 10
TIMEOUT = 30.0
# `completed` calls that wait for a retry: any client can name a webhook that never answers.
MAX_LATE = 1000
MAX_LATE_BYTES = 64 * 1024 * 1024
KINDS = {"start": "start", "output": "output", "log": "logs", "completed": "completed"}

log = logging.getLogger("cogserve.webhooks")


class Webhooks:
    """Sends the webhooks of one server.

    Args:
        settings: throttle and token.
        client: makes the requests.
        nursery: runs the calls; outlives every request.
    """

    def __init__(self, settings: Settings, client: Client, nursery: trio.Nursery) -> None:
        self._settings = settings
        self._client = client
        self._nursery = nursery
        self._sending: Set[Prediction] = set()
        self._idle = trio.Event()
        # The bytes of each `completed` call that waits for a retry; the oldest first.
        self._late: "OrderedDict[trio.CancelScope, int]" = OrderedDict()

    def follow(self, prediction: Prediction, url: str, wanted: Optional[List[str]]) -> None:
        """Send a new prediction's events to `url`: all of them, or those in `wanted`."""
        self._sending.add(prediction)
        follower = _Follower(self, prediction, url, frozenset(EVENTS if wanted is None else wanted))
        self._nursery.start_soon(self._run, follower)

    async def wait_idle(self) -> None:
        """Return when every webhook is delivered or given up."""
        while self._sending:
            self._idle = trio.Event()
            await self._idle.wait()

    async def _run(self, follower: "_Follower") -> None:
        try:
            with follower.prediction.in_use():
                await follower.run()
        except Exception:
            log.exception("a webhook of prediction %s failed", follower.prediction.id)
        finally:
            follower.forget()
            self._sending.discard(follower.prediction)
            if not self._sending:
                self._idle.set()

    def headers(self, url: str, prediction: Prediction) -> List[Tuple[str, str]]:
        """Return the headers of calls to a prediction's webhook."""
        headers = [("Content-Type", "application/json"), *prediction.trace.items()]
        token = self._settings.webhook_token
        # The client names the URL: the operator's token goes only to the operator's hosts.
        if token is not None and parse(url).host in self._settings.webhook_token_hosts:
            headers.append(("Authorization", f"Bearer {token}"))
        return headers

    async def post(
        self, url: str, headers: List[Tuple[str, str]], prediction: Prediction, body: Encoded
    ) -> Optional[int]:
        """Make one call; return the status, or None if there was no answer.

        Raises:
            Refused: the URL is not allowed.
        """
        request = Request(method="POST", headers=headers, body=body.pieces, length=body.length, timeout=TIMEOUT)
        try:
            return (await self._client.exchange(url, request)).status
        except ExchangeFailed as error:
            log.warning("a webhook of prediction %s was not delivered: %s", prediction.id, error)
            return None

    @contextlib.contextmanager
    def late(self, size: int) -> Iterator[None]:
        """Allow retries in the block, which is cancelled if later ones need its place."""
        scope = trio.CancelScope()
        self._late[scope] = size
        while len(self._late) > MAX_LATE or (len(self._late) > 1 and sum(self._late.values()) > MAX_LATE_BYTES):
            self._late.popitem(last=False)[0].cancel()
        try:
            with scope:
                yield
        finally:
            self._late.pop(scope, None)

    @property
    def throttle(self) -> float:
        return self._settings.throttle


class _Follower:
    """One prediction's webhook: collects events, and sends them."""

    def __init__(self, hooks: Webhooks, prediction: Prediction, url: str, wanted: "frozenset[str]") -> None:
        self.prediction = prediction
        self._hooks = hooks
        self._url = url
        self._headers = hooks.headers(url, prediction)
        self._wanted = wanted
        self._start: Optional[Encoded] = None
        self._pending: Set[str] = set()
        self._more = trio.Event()
        self._ended = trio.Event()
        for event in prediction.history:
            self._note(event)
        self.forget = prediction.listen(self._note)

    def _note(self, event: Event) -> None:
        kind = KINDS.get(event[0])
        if kind == "completed":
            self._ended.set()
        if kind in self._wanted:
            if kind == "start":
                self._start = Encoded(self.prediction.snapshot())
            else:
                self._pending.add(str(kind))
            self._more.set()
        elif kind == "completed":
            self._more.set()

    async def run(self) -> None:
        try:
            while True:
                await self._more.wait()
                self._more = trio.Event()
                if self._start is not None:
                    start, self._start = self._start, None
                    await self._call(start)
                if "completed" in self._pending:
                    await self._complete()
                    return
                if self._pending:
                    self._pending.clear()
                    await self._call(Encoded(self.prediction.snapshot()))
                    if not self._ended.is_set():
                        with trio.move_on_after(self._hooks.throttle):
                            await self._ended.wait()
                elif self._ended.is_set():
                    return
                if self._ended.is_set():
                    self._more.set()
        except Refused as error:
            log.warning("the webhook of prediction %s is refused: %s", self.prediction.id, error)

    async def _call(self, body: Encoded) -> bool:
        """Make one call; return whether it was accepted, or never will be."""
        with self.prediction.in_use(body.copied):
            status = await self._hooks.post(self._url, self._headers, self.prediction, body)
        if status is not None and not 200 <= status < 300:
            log.warning("the webhook of prediction %s answered %s", self.prediction.id, status)
        return status is not None and status != 429 and status < 500

    async def _complete(self) -> None:
        body = Encoded(self.prediction.snapshot())
        delivered = await self._call(body)
        if not delivered:
            with self._hooks.late(body.length):
                for number in range(TRIES):
                    await trio.sleep(FIRST_PAUSE * 2 ** min(number, MOST_DOUBLINGS))
                    # Anew each time: a large output may have been moved to a file.
                    delivered = await self._call(Encoded(self.prediction.snapshot()))
                    if delivered:
                        break
        self.prediction.delivered = self.prediction.delivered or delivered
        if not delivered:
            log.error("the result of prediction %s could not be delivered to its webhook", self.prediction.id)
