"""One worker process: started, spoken with in frames, listened to on its pipes, ended for certain."""

from __future__ import annotations

import codecs
import contextlib
import logging
import os
import select
import signal
from collections import deque
from typing import TYPE_CHECKING, Any, Callable, Deque, Dict, Optional

import msgspec
import trio
from cogworker import frames

from cogserve.worker.memory import oom_kills

if TYPE_CHECKING:
    import socket
    import subprocess

    from cogserve.worker.spawn import Started

# No more: larger buffers would be allocated from the system, and returned to it, for every frame.
READ = 64 * 1024
# Bytes that are read from a pipe before other tasks get their turn.
PIPE_TURN = 1024 * 1024
# Reads from the socket before other tasks get their turn.
FRAME_TURN = 16

PREFIX = frames.LENGTHS.size

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Dict[str, Any]).decode

log = logging.getLogger("cogserve.worker")

OnFrame = Callable[[Dict[str, Any], bytes], None]
OnText = Callable[[str, str], None]


class Exit(msgspec.Struct, frozen=True):
    """How a worker ended.

    Args:
        code: its exit status; negative is the signal that killed it.
        reason: the same in words.
    """

    code: int
    reason: str


class _Pipe:
    """The reading end of the worker's stdout or stderr; decodes the text."""

    def __init__(self, source: str, fd: int, on_text: OnText) -> None:
        self.source = source
        self.fd = fd
        self._on_text = on_text
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def drain(self) -> bool:
        """Read what is there, without waiting; return whether more may come."""
        taken = 0
        while taken < PIPE_TURN:
            try:
                data = os.read(self.fd, 64 * 1024)
            except BlockingIOError:
                return True
            except OSError:
                return False
            text = self._decoder.decode(data, final=not data)
            if text:
                self._on_text(self.source, text)
            if not data:
                return False
            taken += len(data)
        return True

    async def pump(self) -> None:
        while True:
            await trio.lowlevel.wait_readable(self.fd)
            if not self.drain():
                return


class Worker:
    """A worker process. `run` reads from it until it has ended; the other methods talk to it meanwhile.

    Args:
        started: the process.
        on_frame: called with every frame from it.
        on_text: called with (source, text) for what it prints.
    """

    def __init__(self, started: Started, on_frame: OnFrame, on_text: OnText) -> None:
        self.ended = trio.Event()
        self._started = started
        self._process = started.process
        self._on_frame = on_frame
        self._pipes = [_Pipe("stdout", started.stdout, on_text), _Pipe("stderr", started.stderr, on_text)]
        self._poll = select.poll()
        for pipe in self._pipes:
            self._poll.register(pipe.fd, select.POLLIN)
        self._buffer = bytearray()
        self._unsent: Deque[memoryview] = deque()
        self._unsent_more = trio.Event()
        self._reason: Optional[str] = None
        self._oom_kills = oom_kills()

    def send(self, header: Dict[str, Any], payload: bytes = b"") -> None:
        """Send a frame, without waiting: what the socket does not take now is sent later.

        Raises:
            frames.FrameTooLarge: nothing was sent.
        """
        prefix = _prefix(header, payload)
        if self.ended.is_set():
            return
        if len(payload) < READ:
            parts = [memoryview(prefix + payload)]
        else:
            parts = [memoryview(prefix), memoryview(payload)]
        for part in parts:
            sent = 0
            if not self._unsent:
                try:
                    sent = self._started.socket.send(part)
                except BlockingIOError:
                    pass
                except OSError:
                    return  # it is dying; `run` notices
            if sent < len(part):
                self._unsent.append(part[sent:])
                self._unsent_more.set()

    def drain(self) -> None:
        """Read what the worker has printed so far, so that it comes before the next event."""
        for fd, _ in self._poll.poll(0):
            for pipe in self._pipes:
                if pipe.fd == fd:
                    pipe.drain()

    def signal(self, number: int, reason: Optional[str] = None) -> None:
        """Send a signal to the worker's process group.

        Args:
            reason: the reason of its exit, if it ends now.
        """
        if self._process.returncode is not None:
            return
        if reason is not None and self._reason is None:
            self._reason = reason
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def survived(self) -> None:
        """Forget the reason of an exit that did not happen."""
        self._reason = None

    def kill(self, reason: Optional[str] = None) -> None:
        self.signal(signal.SIGKILL, reason)

    async def run(self) -> Exit:
        """Read from the process until it ends, and return how it ended.

        Cancellation: kills the process group.
        """
        sock = self._started.socket
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._receive, sock)
                nursery.start_soon(self._send_rest, sock)
                for pipe in self._pipes:
                    nursery.start_soon(pipe.pump)
                # Not until the pipes are closed: a process that outlives the worker may hold them open.
                await _wait(self._process)
                nursery.cancel_scope.cancel()
            self.kill()  # and all that the model has started; before `wait`, as the pid may be reused after it
            code = self._process.wait()
            self._take_frames(sock)
            self.drain()
            reason = self._reason or _describe(code, oom=oom_kills() > self._oom_kills)
            return Exit(code, reason)
        finally:
            self.kill()
            self.ended.set()
            for pipe in self._pipes:
                self._poll.unregister(pipe.fd)
            self._started.close()
            with trio.move_on_after(10) as scope:
                scope.shield = True
                await _wait(self._process)
                self._process.wait()

    async def _receive(self, sock: socket.socket) -> None:
        while True:
            await trio.lowlevel.wait_readable(sock)
            if not self._take_frames(sock):
                return

    def _take_frames(self, sock: socket.socket) -> bool:
        """Read the frames that are there; return whether more may come."""
        for _ in range(FRAME_TURN):
            try:
                data = sock.recv(READ)
            except BlockingIOError:
                return True
            except OSError:
                return False
            if not data:
                return False
            try:
                self._take(data)
            except Exception as error:
                # What a broken worker sends must not end the server.
                log.exception("a frame of the worker could not be used")
                self.kill(f"the model's process sent an invalid frame ({type(error).__name__}: {error})")
                return False
            if len(data) < READ:
                break
        return True

    def _take(self, data: bytes) -> None:
        """Handle the frames that `data` completes. Like `frames.Decoder`, with a faster JSON decoder."""
        buffer = self._buffer
        buffer += data
        at = 0
        try:
            while len(buffer) - at >= PREFIX:
                header_length, payload_length = frames.LENGTHS.unpack_from(buffer, at)
                if header_length > frames.MAX_HEADER or payload_length > frames.MAX_PAYLOAD:
                    raise frames.FrameTooLarge(f"a frame of {header_length} + {payload_length} bytes")
                start = at + PREFIX + header_length
                end = start + payload_length
                if len(buffer) < end:
                    return
                with memoryview(buffer) as view:
                    header, payload = bytes(view[at + PREFIX : start]), bytes(view[start:end])
                at = end
                self._on_frame(_header(header), payload)
        finally:
            del buffer[:at]

    async def _send_rest(self, sock: socket.socket) -> None:
        while True:
            await self._unsent_more.wait()
            self._unsent_more = trio.Event()
            while self._unsent:
                await trio.lowlevel.wait_writable(sock)
                try:
                    sent = sock.send(self._unsent[0])
                except BlockingIOError:
                    continue
                except OSError:
                    return
                part = self._unsent.popleft()
                if sent < len(part):
                    self._unsent.appendleft(part[sent:])


def _prefix(header: Dict[str, Any], payload: bytes) -> bytes:
    """Like `frames.encode`, with a faster JSON encoder."""
    data = _encode(header)
    if len(data) > frames.MAX_HEADER or len(payload) > frames.MAX_PAYLOAD:
        raise frames.FrameTooLarge(f"a frame of {len(data)} + {len(payload)} bytes is over the limit")
    return frames.LENGTHS.pack(len(data), len(payload)) + data


def _header(data: bytes) -> Dict[str, Any]:
    try:
        return _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # The text of an error may end within a character; that is no reason to lose the frame.
        return _decode(data.decode("utf-8", "replace").encode())


async def _wait(process: subprocess.Popen[bytes]) -> None:
    """Return when a process has ended; its exit status is left for `process.wait`."""
    if process.returncode is not None:
        return
    try:
        descriptor = os.pidfd_open(process.pid)
    except (AttributeError, OSError):  # Python 3.8, or an old kernel
        options = os.WEXITED | os.WNOWAIT
        await trio.to_thread.run_sync(os.waitid, os.P_PID, process.pid, options, abandon_on_cancel=True)
        return
    try:
        await trio.lowlevel.wait_readable(descriptor)
    finally:
        os.close(descriptor)


def _describe(code: int, *, oom: bool) -> str:
    if code >= 0:
        return f"the model's process ended with exit status {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    if oom:
        return f"the model's process was killed by {name}: it ran out of memory"
    hint = ", perhaps because it ran out of memory" if -code == signal.SIGKILL else ""
    return f"the model's process was killed by {name}{hint}"
