"""Requests made from the server's own OpenAPI document, good and bad: no 500, and no answer that it lacks."""

import subprocess
import sys
from pathlib import Path

from tests.server.serving import starting

SOURCE = """
from typing import Any, Dict, List, Optional, Union
from cog import BasePredictor, Input, Path, Secret

class Predictor(BasePredictor):
    def predict(
        self,
        text: str = Input(max_length=20, regex="^[a-z]*$"),
        number: int = Input(default=3, ge=0, le=9),
        ratio: float = 1.0,
        flag: bool = False,
        mode: str = Input(default="a", choices=["a", "b"]),
        items: List[int] = Input(default=[1]),
        image: Path = None,
        token: Secret = None,
        extra: Dict[str, Any] = {},
        either: Union[int, str] = 0,
        maybe: Optional[int] = None,
    ) -> str:
        return text * number
"""
# Whatever URLs are made up, they lead to loopback, which is refused.
START = """
import functools, socket, sys
sys.path[:0] = [sys.argv.pop(1)]
from cogserve import main, server

async def resolver(host, port):
    return [(socket.AF_INET, ("127.0.0.1", port))]

server.Server = functools.partial(server.Server, resolver=resolver)
sys.exit(main.main())
"""
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")


def test_no_request_that_the_document_suggests_is_a_500(serve):
    server = serve(SOURCE, command=starting(START), COG_QUEUE="1000")
    document = f"http://127.0.0.1:{server.port}/openapi.json"

    command = [SCHEMATHESIS, "run", document, "--checks", CHECKS, "--exclude-path", "/shutdown"]
    command += ["--phases", "coverage,fuzzing", "--max-examples", "30", "--generation-deterministic"]
    done = subprocess.run(command, capture_output=True, check=False, text=True, timeout=100, cwd=server.folder)

    assert done.returncode == 0, done.stdout
    assert " generated, " in done.stdout
    assert "Traceback" not in server.output
    assert server.predict(text="a").json["output"] == "aaa"
