"""What a person is told of a build: from lines as buildx writes them."""

import base64
import json

import pytest
from docker.auth import INDEX_NAME

from cogfreeze.engine.progress import FrontendMissing, Progress
from cogfreeze.errors import BuildError, IntegrityError
from cogfreeze.report import Silent


class Notes(Silent):
    def __init__(self):
        self.said = []

    def note(self, message):
        self.said.append(message)


def vertex(name, **more):
    return json.dumps({"vertexes": [{"digest": f"sha256:{name}", "name": name, **more}]})


def log(name, text):
    data = base64.b64encode(text.encode()).decode()
    return json.dumps({"logs": [{"vertex": f"sha256:{name}", "stream": 2, "data": data}]})


STEP = "[system 2/2] RUN --network=none <<'EOF' (set -eu...)"
STARTED, DONE = "2026-11-21T08:20:00.761205795Z", "2026-11-21T08:20:02.261232505Z"
FAILED = 'process "/bin/sh -c set -eu" did not complete successfully: exit code: 1'


def taken(*lines, **options):
    report = Notes()
    progress = Progress(report, **options)
    for line in lines:
        progress.feed(line + "\n")
    return progress, report.said


def failure(*lines, frontend=None):
    return taken(*lines)[0].failure(frontend)


def test_a_finished_step_is_told_once_with_its_seconds():
    line = vertex(STEP, started=STARTED, completed=DONE)

    assert taken(vertex(STEP, started=STARTED), line, line)[1] == ["  system: 1.5 s"]


def test_a_step_from_the_cache_is_told_as_unchanged():
    assert taken(vertex(STEP, started=STARTED, completed=DONE, cached=True))[1] == ["  system: unchanged"]


def test_the_engines_own_steps_are_not_told():
    assert taken(vertex("[internal] load build definition", started=STARTED, completed=DONE))[1] == []


def test_every_line_is_told_where_it_is_wanted():
    lines = taken(vertex(STEP, started=STARTED), log(STEP, "one\ntw"), log(STEP, "o\n"), every_line=True)[1]

    assert lines == ["  system | one", "  system | two"]


def test_quiet_tells_nothing():
    assert taken(vertex(STEP, started=STARTED, completed=DONE), quiet=True)[1] == []


def test_a_failure_names_the_step_and_ends_with_what_it_printed():
    error = failure(
        vertex(STEP, started=STARTED),
        log(STEP, "".join(f"line {number}\n" for number in range(100))),
        vertex(STEP, started=STARTED, completed=DONE, error=FAILED),
        "ERROR: failed to build",
    )

    assert isinstance(error, BuildError)
    assert error.where == "step `system`"
    assert error.message.startswith("the command failed with exit status 1:\n  line 80\n")
    assert error.message.endswith("\n  line 99")


def test_a_step_that_was_cancelled_because_of_another_is_not_the_failure():
    other = "[code 2/2] RUN b"
    error = failure(
        vertex(other, error=f"{FAILED}: context canceled"),
        vertex(STEP, error=FAILED),
    )

    assert error.where == "step `system`"


def test_a_failed_hash_of_a_package_names_the_file():
    error = failure(
        vertex(STEP),
        log(STEP, "libgl1_1.6.0-1_amd64.deb: FAILED\nsha256sum: WARNING: 1 computed checksum did NOT match\n"),
        vertex(STEP, error=FAILED),
    )

    assert isinstance(error, IntegrityError)
    assert str(error) == ("step `system`: `libgl1_1.6.0-1_amd64.deb` has another SHA-256 than cog.lock says")


def test_a_failed_hash_of_a_wheel_names_the_package():
    step = "[packages 2/2] RUN a"
    said = "  × Failed to read `six==1.17.0`\n  ╰─▶ Hash mismatch for `six==1.17.0`\n"
    error = failure(vertex(step), log(step, said), vertex(step, error=FAILED))

    assert isinstance(error, IntegrityError)
    assert str(error) == "step `packages`: `six==1.17.0` has another SHA-256 than cog.lock says"


def test_what_our_own_checks_say_is_the_error():
    error = failure(
        vertex(STEP), log(STEP, "cogfreeze: the base has other packages\n"), vertex(STEP, error=FAILED)
    )

    assert str(error) == "step `system`: the base has other packages"


@pytest.mark.parametrize(
    "said",
    [
        "curl: (6) Could not resolve host: example.org",
        "wget: unable to resolve host address 'example.org'",
        "W: Failed to fetch x  Temporary failure resolving 'example.org'",
        "fatal: unable to access 'x': Could not resolve host: example.org",
        "urllib.error.URLError: <urlopen error [Errno -3] Temporary failure in name resolution>",
        "NewConnectionError: Failed to establish a new connection: [Errno 101] Network is unreachable",
        "  Caused by: dns error: failed to lookup address information",
        "npm error errno EAI_AGAIN",
        "dial tcp: lookup example.org: no such host",
    ],
)
def test_a_command_that_wants_the_network_is_told_how_to_get_it(said):
    error = failure(vertex(STEP), log(STEP, f"{said}\n"), vertex(STEP, error=FAILED))

    assert "`network: true`" in error.hint


def test_a_full_disk_is_told_as_such():
    error = failure(vertex(STEP), log(STEP, "cp: No space left on device\n"), vertex(STEP, error=FAILED))

    assert error.hint == "free some disk space; `docker system df` shows what Docker uses"


def test_an_engine_that_went_away_is_told_in_its_own_words():
    said = "ERROR: failed to receive status: rpc error: code = Unavailable desc = error reading: EOF"
    done = vertex("[code 1/1] RUN x", started=STARTED, completed=DONE)
    error = failure(done, vertex(STEP, started=STARTED), said)

    assert (error.where, error.message) == (
        "step `system`",
        f"the connection to the engine was lost: {said.removeprefix('ERROR: ')}",
    )
    assert failure(done, said).where is None
    assert str(failure(vertex(STEP), "ERROR: no builder")) == "the build failed: no builder"


def test_a_frontend_that_cannot_be_pulled_is_told_apart():
    frontend = f"docker/dockerfile:1.28.0@sha256:{'0' * 64}"
    name = f"resolve image config for docker-image://{INDEX_NAME}/{frontend}"
    error = failure(vertex(name, error="not found"), frontend=frontend)

    assert isinstance(error, FrontendMissing)


def test_a_progress_bar_is_its_last_state():
    assert taken(vertex(STEP), log(STEP, "5%\r10%\r100%\n"), every_line=True)[1] == ["  system | 100%"]


BEGIN = "[internal] load build definition from Dockerfile"


def reused(*lines):
    return taken(vertex(BEGIN, started=STARTED, completed=STARTED), *lines)[0].reused()


def test_a_step_that_ran_in_this_build_is_not_reused():
    assert reused(vertex(STEP, started=DONE), vertex(STEP, started=DONE, completed=DONE)) == ()


def test_a_step_from_the_cache_is_reused():
    assert reused(vertex(STEP, started=DONE, completed=DONE, cached=True)) == ("system",)


def test_a_step_that_began_before_this_build_is_another_builds():
    """The engine shares a step with a build that runs at the same time, in spite of `--no-cache`."""
    assert reused(vertex(STEP, started="2026-11-21T08:19:59.9Z", completed=DONE)) == ("system",)


def test_what_runs_no_command_may_come_from_anywhere():
    copied = "[image 2/9] COPY --link --from=code /layer/ /"
    assert reused(vertex(copied, started=DONE, completed=DONE, cached=True)) == ()


COMMAND = "[image 3/9] RUN --mount=type=bind,source=commands/2.sh,target=/run/command.sh <<'EOF' (set -eu...)"


def test_a_failing_command_of_the_project_is_named_by_its_key():
    error = failure(vertex(COMMAND, started=STARTED), vertex(COMMAND, completed=DONE, error=FAILED))

    assert str(error) == "build.run[1]: the command failed with exit status 1"


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        (
            "x.c:1:10: fatal error: libpq-fe.h: No such file or directory",
            "`libpq-fe.h` is missing: add its package, usually `lib…-dev`, to `build.build_packages`",
        ),
        (
            "/run/command.sh: 1: Syntax error: redirection unexpected",
            "commands run with `/bin/sh`: for bash's syntax, make `#!/bin/bash` the first line",
        ),
    ],
)
def test_a_known_failure_has_a_hint(line, hint):
    error = failure(
        vertex(COMMAND, started=STARTED), log(COMMAND, line + "\n"), vertex(COMMAND, completed=DONE, error=FAILED)
    )

    assert error.hint == hint
