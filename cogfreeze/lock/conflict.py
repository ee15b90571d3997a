"""One side of a lock that a merge left with conflict markers."""

from __future__ import annotations

_OURS, _BASE, _MIDDLE, _THEIRS = "<<<<<<<", "|||||||", "=======", ">>>>>>>"


def side(text: str, *, ours: bool) -> str:
    """Return the text with every conflict decided for one side; text without markers comes back as it is.

    >>> side("a\\n<<<<<<< HEAD\\nb\\n=======\\nc\\n>>>>>>> other\\nd\\n", ours=False)
    'a\\nc\\nd\\n'
    """
    kept = []
    within: str | None = None
    for line in text.replace("\r\n", "\n").splitlines(keepends=True):
        marker = line[:7] if line[7:8] in (" ", "\n", "") else ""
        if marker == _OURS or (within is not None and marker in (_BASE, _MIDDLE)):
            within = marker
        elif within is not None and marker == _THEIRS:
            within = None
        elif within is None or within == (_OURS if ours else _MIDDLE):
            kept.append(line)
    return "".join(kept)
