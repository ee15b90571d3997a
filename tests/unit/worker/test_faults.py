"""What a model may do to its worker, and what comes of it: one `done` for each prediction, and no torn frame."""

from __future__ import annotations

import select
import signal
import subprocess
import sys

import pytest

from tests.unit.worker.driver import RUNTIME


def test_setup_that_fails_is_reported(start):
    """The header has the traceback's last line, the logs have all of it, and the process ends."""
    worker = start(
        "class Predictor:\n"
        "    def setup(self):\n"
        "        raise ValueError('no weights')\n"
        "    def predict(self) -> str: ...\n"
    )

    header, payload = worker.until("setup_failed")

    assert header == {"type": "setup_failed", "error": "ValueError: no weights"}
    assert payload == b""
    assert worker.logs().startswith('Traceback (most recent call last):\n  File "')
    assert worker.logs().endswith("in setup\n    raise ValueError('no weights')\nValueError: no weights\n")
    assert "cogworker" not in worker.logs()
    assert worker.process.wait(30) == 1


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("import nowhere", "ModuleNotFoundError: No module named 'nowhere'"),
        ("def predict(:", "SyntaxError: invalid syntax (predict.py, line 1)"),
        ("import sys; sys.exit(3)", "the model called sys.exit(3)"),
        ("x = 1", "Unservable: predict.py has no class or function Predictor"),
        ("class Predictor: pass", "Unservable: run or predict method not found: Predictor"),
        (
            "class Predictor:\n def run(self): ...\n def predict(self): ...",
            "Unservable: Predictor must define either run() or predict(), not both",
        ),
        ("class Predictor:\n def predict(self, a): ...", "Unsupported: `a` has no type annotation"),
        (
            "class Predictor:\n def predict(self, a: bytes): ...",
            "Unsupported: `a`: unsupported input type bytes",
        ),
        (
            "class Predictor:\n async def setup(self): 1 / 0\n async def predict(self): ...",
            "ZeroDivisionError: division by zero",
        ),
    ],
)
def test_what_cannot_serve_says_why(start, source, error):
    header, _ = start(source).until("setup_failed")

    assert header["error"] == error


def test_a_missing_file_is_said(start):
    header, _ = start("", reference="nope.py:Predictor").until("setup_failed")

    assert header["error"] == "Unservable: file not found: nope.py"


RAISING = """
    import os, sys
    def forever():
        forever()
    class Silent(Exception):
        def __str__(self):
            raise RuntimeError
    class Stop(BaseException):
        pass
    class Predictor:
        def predict(self, code: str) -> str:
            print("before")
            exec(code)
            return "survived"
"""


def test_whatever_is_raised_fails_the_prediction_alone(worker):
    """Any exception is the prediction's; the worker goes on. Logs come before the failure."""
    running = worker(RAISING)
    cases = {
        "raise ValueError('bad')": "bad",
        "raise ValueError": "ValueError",
        "sys.exit()": "the model called sys.exit()",
        "sys.exit('why')": "the model called sys.exit('why')",
        "raise KeyboardInterrupt": "KeyboardInterrupt",
        "raise Stop('x')": "x",
        "raise Silent": "Silent",
        "raise ValueError('x' * 10**7)": "x" * 65536,
        "forever()": "maximum recursion depth exceeded",
    }

    got = {code: running.predict(code, code=code) for code in cases}

    assert {code: done.get("error") for code, done in got.items()} == cases
    assert all(running.logs(code).startswith("before\nTraceback") for code in cases if "Silent" not in code)
    assert running.predict("p2", code="pass")["output"] == "survived"


def test_an_exit_in_an_asynchronous_predictor_fails_it_alone(worker):
    """Also where a task of the model's own calls sys.exit, which ends an ordinary loop."""
    running = worker(
        """
        import asyncio, sys
        class Predictor:
            async def predict(self, where: str) -> str:
                async def leave():
                    sys.exit(4)
                if where == "task":
                    await asyncio.create_task(leave())
                if where == "here":
                    await leave()
                return "survived"
        """
    )

    assert running.predict("p1", where="here")["error"] == "the model called sys.exit(4)"
    assert running.predict("p2", where="task")["status"] == "failed"
    assert running.predict("p3", where="")["output"] == "survived"


def test_prints_from_c_do_not_break_frames(worker):
    """What is written to file descriptors 1 and 2 goes to the inherited pipes, whatever its size and timing."""
    running = worker(
        """
        import os, subprocess, sys
        class Predictor:
            def predict(self) -> str:
                os.write(1, b"\\x00\\x00\\x00\\x05raw one")
                os.write(2, b"raw two")
                os.system("echo from a shell")
                subprocess.run([sys.executable, "-c", "print('from a child')"], stdout=sys.stdout, check=True)
                for fd in range(3, 200):
                    try:
                        os.write(fd, b"garbage")
                    except OSError:
                        pass
                return "x"
        """
    )

    assert running.predict()["output"] == "x"
    assert running.shut_down() == 0
    assert running.process.stdout.read() == b"\x00\x00\x00\x05raw onefrom a shell\nfrom a child\n"
    assert running.process.stderr.read() == b"raw two"


def test_many_prints_of_any_size_arrive_whole(worker):
    """Threads that print at once, while chunks of output are sent, tear no frame."""
    running = worker(
        """
        import threading
        from typing import Iterator
        class Predictor:
            def predict(self) -> Iterator[int]:
                def talk(letter):
                    for _ in range(200):
                        print(letter * 999)
                threads = [threading.Thread(target=talk, args=(letter,)) for letter in "abcd"]
                for thread in threads:
                    thread.start()
                yield from range(500)
                for thread in threads:
                    thread.join()
                print("\\u20ac" * 200_000)
                print("no line's end", end="")
        """
    )

    assert running.predict()["status"] == "succeeded"

    assert [payload for _, payload in running.frames("output")] == [b"%d" % number for number in range(500)]
    logs = running.logs("p1")
    lines = sorted(logs.splitlines()[:-2])
    assert lines == sorted(letter * 999 for letter in "abcd" for _ in range(200))
    assert logs.endswith("\u20ac" * 200_000 + "\nno line's end")


def test_a_finaliser_that_prints_while_a_frame_is_sent_does_no_harm(worker):
    """Garbage is collected anywhere, so a `__del__` may print in the midst of our own writing."""
    running = worker(
        """
        import gc
        from typing import Iterator
        class Loud:
            def __init__(self):
                self.itself = self
            def __del__(self):
                print("gone", flush=True)
        class Predictor:
            def predict(self) -> Iterator[int]:
                gc.set_threshold(1)
                for number in range(300):
                    Loud()
                    yield number
                gc.set_threshold(700)
                gc.collect()
        """
    )

    assert running.predict()["status"] == "succeeded"
    assert len(running.frames("output")) == 300
    assert running.logs("p1") == "gone\n" * 300


def test_a_forked_child_speaks_for_nobody(worker):
    """A child of the model's fork prints to the pipe, and cannot answer in its parent's place."""
    running = worker(
        """
        import multiprocessing, os
        class Predictor:
            def predict(self, how: str) -> str:
                print("unsent", end="")
                if how == "return":
                    child = os.fork()
                    if child == 0:
                        print("child")
                        return "from the child"
                    os.waitpid(child, 0)
                else:
                    context = multiprocessing.get_context("fork")
                    process = context.Process(target=print, args=("child",))
                    process.start()
                    process.join()
                return "from the parent"
        """
    )

    assert running.predict("a", how="return")["output"] == "from the parent"
    assert running.predict("b", how="multiprocessing")["output"] == "from the parent"
    assert running.logs("a") == "unsent"
    assert running.shut_down() == 0
    assert running.process.stdout.read() == b"child\nchild\n"
    assert len(running.frames("done")) == 2


def test_spawned_processes_find_the_models_code(worker):
    """`multiprocessing` starts children that import the predictor's module by its name."""
    running = worker(
        """
        import multiprocessing
        def double(n):
            return 2 * n
        class Predictor:
            def predict(self) -> list:
                with multiprocessing.get_context("spawn").Pool(1) as pool:
                    return pool.map(double, [1, 2])
        """
    )

    assert running.predict()["output"] == [2, 4]


def test_a_model_killed_leaves_an_end_of_file(worker):
    """`os._exit` and a crash end the connection; nothing pretends to be an answer."""
    running = worker(RAISING)
    running.start(code="os._exit(9)")

    with pytest.raises(EOFError, match="the worker ended: 9"):
        running.done()


def test_the_worker_ends_when_the_server_goes(worker):
    """Closing the connection ends it: while idle, and while the model is busy."""
    for code in ("pass", "while True: pass"):
        running = worker(RAISING)
        running.start(code=code)
        running.until("log")
        running.socket.close()

        assert running.process.wait(30) == 1


def test_shutdown_waits_for_what_runs(worker):
    """Predictions that were sent before `shutdown` are finished first."""
    running = worker(
        "import atexit, os, time\natexit.register(os.write, 1, b'goodbye')\n"
        "def predict(n: int) -> int:\n    time.sleep(0.05)\n    return n",
        reference="predict.py:predict",
    )
    running.start("a", n=1)
    running.start("b", n=2)
    running.send({"type": "shutdown"})

    assert running.done("a")["output"] == 1
    assert running.done("b")["output"] == 2
    assert running.process.wait(30) == 0
    assert running.process.stdout.read() == b"goodbye"


def test_a_prediction_sent_during_setup_is_served_after_it(start):
    worker = start(
        "import time\nclass Predictor:\n def setup(self): time.sleep(0.2)\n def predict(self) -> int: return 1"
    )
    worker.start()

    assert worker.done()["output"] == 1


def test_files_named_like_the_standard_librarys_do_no_harm(start, tmp_path):
    """A project may have a `signal.py` or `queue.py` of its own: the worker gets Python's."""
    for name in ("signal", "queue", "select", "json", "copy", "fcntl"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('the wrong module')")
    (tmp_path / "ours.py").write_text("value = 1")
    worker = start(
        "import ours\ndef predict() -> int: return ours.value",
        reference="predict.py:predict",
    )

    assert worker.ready().predict()["output"] == 1


def test_an_exception_out_of_a_signal_handler_while_idle_is_survived(worker):
    """An alarm that the model forgot goes off between two predictions."""
    running = worker(
        """
        import signal, time
        def late(*_):
            raise TimeoutError("too late")
        class Predictor:
            def predict(self, alarm: bool) -> str:
                if alarm:
                    signal.signal(signal.SIGALRM, late)
                    signal.setitimer(signal.ITIMER_REAL, 0.05)
                return "x"
        """
    )
    running.predict(alarm=True)
    running.until("log", id=None)

    assert running.predict("p2", alarm=False)["output"] == "x"


def test_interrupts_from_a_terminal_are_the_servers_business(worker):
    running = worker(
        "import time\ndef predict() -> int:\n print('in')\n time.sleep(0.1)\n return 1",
        reference="predict.py:predict",
    )
    running.start()
    running.until("log")
    running.process.send_signal(signal.SIGINT)

    assert running.done()["output"] == 1


def test_a_worker_started_by_the_main_thread_dies_with_its_server(tmp_path):
    """Even where the model holds the interpreter in C code and no thread can notice: the kernel kills it."""
    (tmp_path / "predict.py").write_text(
        "import ctypes, os\n"
        "def predict() -> str:\n"
        "    os.write(1, b'busy\\n')\n"
        "    ctypes.PyDLL(None).sleep(600)\n"
    )
    script = (
        "import socket, subprocess, sys, os, time\n"
        "from cogworker.frames import encode\n"
        "a, b = socket.socketpair()\n"
        "subprocess.Popen([sys.executable, '-u', '-m', 'cogworker', '--fd', str(b.fileno()), '--predict',"
        " 'predict.py:predict'], pass_fds=[b.fileno()])\n"
        "b.close(); a.recv(1)\n"
        "a.sendall(encode({'type': 'predict', 'id': 'a', 'folder': '/tmp'}))\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=tmp_path, env={"PYTHONPATH": str(RUNTIME)}, stdout=subprocess.PIPE
    ) as server:
        assert server.stdout.readline() == b"busy\n"
        server.kill()

        ended, _, _ = select.select([server.stdout], [], [], 30)  # the end of file: its last writer, the worker
        assert ended == [server.stdout]
        assert server.stdout.read() == b""
