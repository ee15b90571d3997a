"""The records of `osv/`, served as OSV's API serves them, or packed as osv-scanner keeps them."""

import json
import threading
import zipfile
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from .pairs import LOCK, deb, debs

RECORDS = {
    path.stem: json.loads(path.read_text()) for path in sorted((Path(__file__).parent / "osv").glob("*.json"))
}

# As a lock of schema 2 has them: with the source packages.
CURL = replace(deb("libcurl3-gnutls", "7.88.1-10+deb12u8+b1", 385_000, 34, "git"), source="curl", source_version="7.88.1-10+deb12u8")  # fmt: skip  # noqa: E501
AUDITED = debs(
    LOCK,
    CURL,
    replace(deb("libgl1", "1.6.0-1", 88_448, 32), source="libglvnd"),
    replace(deb("libglvnd0", "1.6.0-1", 51_820, 33, "libgl1"), source="libglvnd"),
)


def packed(folder, layout="osv-scanner/{}/all.zip"):
    """Write the database below a folder."""
    for ecosystem in ("PyPI", "Debian"):
        path = folder / layout.format(ecosystem)
        path.parent.mkdir(parents=True)
        with zipfile.ZipFile(path, "w") as archive:
            for name, record in RECORDS.items():
                if any(each["package"]["ecosystem"].partition(":")[0] == ecosystem for each in record["affected"]):
                    archive.writestr(f"{name}.json", json.dumps(record))
    return folder


class Api:
    """A loopback OSV. `broken` answers every request with that status; `page` gives so many ids at a time."""

    def __init__(self):
        self.broken, self.page, self.requests = None, 1000, []
        self.answer = None

    def names(self, query):
        package = query["package"]
        for name, record in RECORDS.items():
            about = [each["package"] for each in record["affected"]]
            if any(
                each["ecosystem"] == package["ecosystem"] and each["name"].lower() == package["name"]
                for each in about
            ):
                yield {"id": name, "modified": record["modified"]}

    def batch(self, body):
        results = []
        for query in body["queries"]:
            found, start = list(self.names(query)), int(query.get("page_token", 0))
            result = {"vulns": found[start : start + self.page]} if found else {}
            if start + self.page < len(found):
                result["next_page_token"] = str(start + self.page)
            results.append(result)
        return {"results": results}


@contextmanager
def serving():
    """Serve an Api; yields it with its `url`."""
    api = Api()

    class Handler(BaseHTTPRequestHandler):
        def answer(self, document):
            content = api.answer if api.answer is not None else json.dumps(document).encode()
            self.send_response(api.broken or 200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            api.requests.append(self.path)
            self.answer(api.batch(body))

        def do_GET(self):
            api.requests.append(self.path)
            self.answer(RECORDS[self.path.rpartition("/")[2]])

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    api.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
