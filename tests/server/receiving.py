"""A web server of the tests' own, on loopback: gives files, takes uploads and webhooks."""

import contextlib
import http.server
import json
import threading
import time


class Receiver(http.server.ThreadingHTTPServer):
    """Keeps every request; answers as told.

    Attributes:
        answers: path → (status, headers, body), or a list of them to be used up, the last one for ever.
        requests: (method, path, headers, body) of all that came.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = {}
        self.requests = []
        self.came = threading.Condition()
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def bodies(self, path):
        """Return the JSON bodies that came to a path, in order."""
        return [json.loads(body) for _, there, _, body in self.requests if there == path]

    def wait_for(self, count, path, timeout=15):
        """Return the JSON bodies that came to a path, when there are so many."""
        deadline = time.monotonic() + timeout
        with self.came:
            while len(self.bodies(path)) < count:
                if not self.came.wait(deadline - time.monotonic()):
                    raise AssertionError(f"only {len(self.bodies(path))} of {count} calls came")
        return self.bodies(path)

    def handle_error(self, request, client_address):
        pass  # clients of these tests leave in the middle of things


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        server = self.server
        with server.came:
            headers = {name.lower(): value for name, value in self.headers.items()}
            server.requests.append((self.command, self.path, headers, body))
            answer = server.answers.get(self.path, (200, {}, b""))
            if isinstance(answer, list):
                answer = answer.pop(0) if len(answer) > 1 else answer[0]
            server.came.notify_all()
        if callable(answer):
            answer(self)
            return
        status, headers, content = answer
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = do_POST = _answer  # noqa: N815

    def log_message(self, *_arguments):
        pass


@contextlib.contextmanager
def receiver():
    server = Receiver()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
