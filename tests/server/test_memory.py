"""The kernel's count of kills because memory ran out, in every layout of control groups."""

import pytest
from cogserve.worker.memory import oom_kills

EVENTS = "low 0\nhigh 0\nmax 12\noom 3\noom_kill {}\noom_group_kill 0\n"
CONTROL = "oom_kill_disable 0\nunder_oom 0\noom_kill {}\n"
VERSION_1 = "5:cpu,cpuacct:/docker/1f\n4:memory:/docker/1f\n0::/docker/1f\n"


@pytest.mark.parametrize(
    ("own", "files", "count"),
    [
        ("0::/\n", {"memory.events": EVENTS.format(2)}, 2),
        ("0::/user.slice/app.scope\n", {"user.slice/app.scope/memory.events": EVENTS.format(3)}, 3),
        ("0::/docker/1f\n", {"memory.events": EVENTS.format(4)}, 4),
        (VERSION_1, {"memory/memory.oom_control": CONTROL.format(5)}, 5),
        (
            VERSION_1,
            {
                "memory/docker/1f/memory.oom_control": CONTROL.format(6),
                "memory/memory.oom_control": CONTROL.format(9),
            },
            6,
        ),
        ("0::/\n", {}, 0),
        ("0::/\n", {"memory.events": "oom_kill many\n"}, 0),
        (None, {"memory.events": EVENTS.format(7)}, 0),
    ],
    ids=[
        "version 2, container",
        "version 2, machine",
        "version 2, host's name",
        "version 1, container",
        "version 1, machine",
        "no file",
        "unreadable",
        "no groups",
    ],
)
def test_the_count_is_that_of_the_own_group(tmp_path, own, files, count):
    for name, text in files.items():
        (tmp_path / "cgroup" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "cgroup" / name).write_text(text)
    if own is not None:
        (tmp_path / "own").write_text(own)

    assert oom_kills(str(tmp_path / "cgroup"), str(tmp_path / "own")) == count
