"""After a merge, one side of the lock can be taken whole."""

import pytest

from cogfreeze.lock import conflict, file

from .sample import LOCK

TEXT = file.dumps(LOCK)


def merged(style):
    ours = TEXT.replace("20261121T000000Z", "20261120T000000Z").splitlines(keepends=True)
    theirs = TEXT.splitlines(keepends=True)
    out = []
    for left, right in zip(ours, theirs, strict=True):
        if left == right:
            out.append(left)
            continue
        base = '||||||| base\nsnapshot = "old"\n' if style == "diff3" else ""
        out.append(f"<<<<<<< HEAD\n{left}{base}=======\n{right}>>>>>>> other branch\n")
    return "".join(out)


@pytest.mark.parametrize("style", ["merge", "diff3"])
def test_each_side_reads_as_the_lock_that_it_was(style):
    text = merged(style)
    assert "<<<<<<<" in text
    assert file.loads(conflict.side(text, ours=False)) == LOCK
    assert file.loads(conflict.side(text, ours=True)).platforms[0].apt.snapshot == "20261120T000000Z"


def test_a_lock_without_markers_is_left_alone():
    assert conflict.side(TEXT, ours=True) == TEXT
