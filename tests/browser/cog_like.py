"""A server that speaks Cog's protocol as Cog's own does, as far as a page needs it.

A prediction is answered at its end, webhooks tell what comes before, and `GET /predictions/{id}` is not there.
Made from the documented protocol.
"""

import json
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SCHEMA = {
    "openapi": "3.0.2",
    "info": {"title": "Cog", "version": "0.1.0"},
    "paths": {"/predictions": {"post": {}}},
    "components": {
        "schemas": {
            "Input": {
                "type": "object",
                "required": ["prompt"],
                "properties": {"prompt": {"type": "string", "title": "Prompt", "x-order": 0}},
            },
            "Output": {
                "type": "array",
                "items": {"type": "string"},
                "x-cog-array-type": "iterator",
                "x-cog-array-display": "concatenate",
            },
        }
    },
}


class CogLike(ThreadingHTTPServer):
    """Gives two words, the second one when `go_on` is set. `requests` keeps what was asked."""

    daemon_threads = True

    def __init__(self, *, webhooks=True, schema=SCHEMA):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.schema = schema
        self.webhooks = webhooks
        self.go_on = threading.Event()
        self.cancelled = set()
        self.requests = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        pass  # a playground that stops leaves in the middle of things

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/openapi.json":
            self.answer(200, self.server.schema)
        elif self.path == "/health-check":
            self.answer(200, {"status": "READY", "setup": {"status": "succeeded", "logs": ""}})
        elif self.path.startswith("/predictions/"):
            self.answer(405, {})
        else:
            self.answer(404, {})

    def do_POST(self):
        self.body()
        parts = self.path.split("/")
        self.server.cancelled.add(parts[2])
        self.server.go_on.set()
        self.answer(200, {})

    def do_PUT(self):
        request = self.body()
        self.server.requests.append(request)
        id_, hook = self.path.split("/")[2], request.get("webhook")
        if "prompt" not in request["input"]:
            self.answer(
                422, {"detail": [{"loc": ["body", "input", "prompt"], "msg": "field required", "type": "x"}]}
            )
            return
        if hook and not self.server.webhooks:
            self.answer(422, {"detail": [{"loc": ["body", "webhook"], "msg": "not allowed", "type": "x"}]})
            return
        words = [f"{request['input']['prompt']} "]
        self.tell(hook, {"id": id_, "status": "processing", "output": words, "logs": "first\n"})
        self.server.go_on.wait(60)
        if id_ in self.server.cancelled:
            self.answer(200, {"id": id_, "status": "canceled", "output": words, "logs": "first\n", "metrics": {}})
            return
        words = [*words, "end"]
        body = {
            "id": id_,
            "status": "succeeded",
            "output": words,
            "logs": "first\nlast\n",
            "metrics": {"predict_time": 1.5},
        }
        self.tell(hook, {**body, "status": "processing", "output": [*words, "a late webhook"]})
        self.answer(200, body)
        self.tell(hook, {**body, "status": "processing", "output": ["an even later one"]})

    def tell(self, hook, body):
        if hook:
            data = json.dumps(body).encode()
            request = urllib.request.Request(hook, data, {"Content-Type": "application/json"})
            urllib.request.urlopen(request, timeout=60).close()

    def body(self):
        return json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"null")

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass
