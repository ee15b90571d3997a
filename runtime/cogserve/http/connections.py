"""The open connections of a server: which are idle, which wait for an answer, which were closed by the client."""

from __future__ import annotations

import select
import time
from collections import OrderedDict
from typing import Callable, Optional

import trio

SWEEP = 0.25


class Member:
    """One connection.

    Attributes:
        fd: its descriptor.
        scope: cancelled to close it at once.
        on_gone: called when the client disconnects while it waits for its answer; None if nobody needs that.
    """

    fd = -1
    scope: trio.CancelScope
    on_gone: Optional[Callable[[], None]] = None


class Connections:
    """Watches all connections, with one timer and one system call.

    Attributes:
        limit: how many there may be; beyond that, the one that has been idle for longest is closed.
        keep_alive: seconds that one may be idle.
    """

    def __init__(self) -> None:
        self.limit = 1_000_000
        self.keep_alive = 20.0
        # Since when; oldest first.
        self._idle: "OrderedDict[Member, float]" = OrderedDict()
        self._busy: "OrderedDict[Member, float]" = OrderedDict()

    def add(self, member: Member) -> None:
        """Add a new connection, which is idle."""
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
        """Close every idle connection."""
        for member in list(self._idle):
            self._end(member)

    async def look_after(self) -> None:
        """Close those that are idle for too long, and notice clients that disconnect. Runs until cancelled."""
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
        """Call `on_gone` where the client has disconnected, even if unread requests of it are left."""
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
