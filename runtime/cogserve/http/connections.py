"""The open connections of a server: who idles, who waits for an answer, who has left."""

from __future__ import annotations

import select
import time
from collections import OrderedDict
from typing import Callable, Optional

import trio

SWEEP = 0.25


class Member:
    """A connection, as far as all of them are looked after together.

    Attributes:
        fd: its descriptor.
        scope: cancelled to end it at once.
        on_gone: what to call when the client has left while it waits for its answer; None if nobody asks.
    """

    fd = -1
    scope: trio.CancelScope
    on_gone: Optional[Callable[[], None]] = None


class Connections:
    """Looks after connections: one timer and one call to the kernel for all of them.

    Attributes:
        limit: how many there may be; then the one that idles longest goes.
        keep_alive: seconds that one may idle.
    """

    def __init__(self) -> None:
        self.limit = 1_000_000
        self.keep_alive = 20.0
        # Each to the time since when; oldest first.
        self._idle: "OrderedDict[Member, float]" = OrderedDict()
        self._busy: "OrderedDict[Member, float]" = OrderedDict()

    def add(self, member: Member) -> None:
        """Take up a new connection, which idles."""
        self._idle[member] = time.monotonic()
        if self._idle and len(self._idle) + len(self._busy) > self.limit:
            self._end(next(iter(self._idle)))

    def mark_idle(self, member: Member) -> None:
        if self._busy.pop(member, None) is not None:
            self._idle[member] = time.monotonic()

    def mark_busy(self, member: Member) -> None:
        if self._idle.pop(member, None) is not None:
            self._busy[member] = time.monotonic()

    def remove(self, member: Member) -> None:
        self._idle.pop(member, None)
        self._busy.pop(member, None)

    def end_idle(self) -> None:
        """End every connection that nothing is owed."""
        for member in list(self._idle):
            self._end(member)

    async def look_after(self) -> None:
        """End those that idle too long, and find those whose clients have left. Runs until cancelled."""
        while True:
            await trio.sleep(SWEEP)
            now = time.monotonic()
            while self._idle:
                member, since = next(iter(self._idle.items()))
                if since + self.keep_alive > now:
                    break
                self._end(member)
            self._find_the_gone(now - SWEEP)

    def _find_the_gone(self, before: float) -> None:
        """Tell those that have waited a while and whose clients have left, even if they had sent more first."""
        poll = select.poll()
        asked = {}
        for member, since in self._busy.items():
            if since > before:
                break
            if member.on_gone is not None:
                poll.register(member.fd, select.POLLRDHUP)
                asked[member.fd] = member
        for fd, _ in poll.poll(0) if asked else ():
            on_gone = asked[fd].on_gone
            if on_gone is not None:
                on_gone()

    def _end(self, member: Member) -> None:
        self.remove(member)
        member.scope.cancel()
