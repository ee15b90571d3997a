"""For every lock: the text reads back as the lock, and the order of what was found does not matter.

For every text: a lock or one clear refusal, never a traceback.
"""

import random
import string

from hypothesis import given, settings
from hypothesis import strategies as st

from cogfreeze.errors import LockUnusable
from cogfreeze.lock import file, model
from tests.unit.lock.sample import LOCK

HEX = st.text("0123456789abcdef", min_size=64, max_size=64)
DIGEST = HEX.map("sha256:".__add__)
WORD = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=8)
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
VERSION = st.builds("{}.{}".format, st.integers(0, 99), st.integers(0, 99))

REQUIREMENTS = st.lists(
    st.builds("{}{}{}".format, WORD, st.sampled_from(["", "[x]"]), st.sampled_from(["", ">=1", "!=1.*,<2"])),
    max_size=2,
).map(tuple)
# What a wheel and a source record alike.
own = st.fixed_dictionaries(
    {
        "extras": st.lists(WORD, max_size=2, unique=True).map(tuple),
        "requires_python": st.sampled_from([None, ">=3.8"]),
        "requires": REQUIREMENTS,
    }
)


@st.composite
def wheels(draw):
    name, version = draw(WORD), draw(VERSION)
    return model.Wheel(
        name=name,
        version=version,
        file=f"{name}-{version}-py3-none-any.whl",
        sha256=draw(HEX),
        size=draw(st.integers(1, 10**10)),
        index=draw(st.sampled_from(["pypi", "pytorch-cu128", "company"])),
        required_by=draw(st.lists(WORD, max_size=3, unique=True).map(tuple)),
        hash_origin=draw(st.sampled_from(["index", "computed"])),
        **draw(own),
    )


@st.composite
def sources(draw):
    name, version, kind = draw(WORD), draw(VERSION), draw(st.sampled_from(["sdist", "git", "local"]))
    places = {
        "sdist": {},
        "git": {"url": "https://example.org/x", "commit": "a" * 40, "path": draw(st.sampled_from([None, "py"]))},
        "local": {"path": "libs/x"},
    }
    return model.Source(
        name=f"{name}-source",
        version=version,
        kind=kind,
        file=f"{name}-{version}.tar" + draw(st.sampled_from(["", ".gz", ".bz2"])),
        sha256=draw(HEX),
        size=draw(st.integers(1, 10**10)),
        index=draw(st.sampled_from(["pypi", "url", "local"])),
        required_by=draw(st.lists(WORD, max_size=3, unique=True).map(tuple)),
        build_requires=draw(REQUIREMENTS),
        **draw(own),
        **places[kind],
    )


def records():
    """What `cog lock --record` writes."""
    return st.builds(
        model.ImageRecord,
        made_from=DIGEST,
        digest=DIGEST,
        layers=st.lists(DIGEST, min_size=1, max_size=5).map(tuple),
        engine=st.builds("docker {}, buildx {}".format, VERSION, VERSION),
        frontend=st.none() | DIGEST.map("docker/dockerfile:1.28.0@".__add__),
    )


INPUT_VALUES = st.one_of(ANY_TEXT, st.booleans(), st.integers(0, 9), st.lists(ANY_TEXT, min_size=1).map(tuple))


@st.composite
def locks(draw):
    unique_wheels = draw(st.lists(wheels(), unique_by=lambda wheel: wheel.name, max_size=5))
    unique_sources = draw(st.lists(sources(), unique_by=lambda source: source.name, max_size=3))
    tools = draw(st.lists(wheels(), unique_by=lambda wheel: wheel.name, max_size=2))
    inputs = draw(st.dictionaries(WORD.map("build.".__add__), INPUT_VALUES, min_size=1, max_size=4))
    platform = LOCK.platforms[0]
    return model.Lock(
        tools=LOCK.tools,
        inputs=tuple(sorted(inputs.items())),
        files=LOCK.files,
        platforms=(
            model.PlatformLock(
                platform=draw(st.sampled_from(["linux/amd64", "linux/arm64"])),
                base=platform.base,
                apt=draw(st.sampled_from([None, platform.apt])),
                python=model.Python(
                    version="3.12",
                    wheels=tuple(unique_wheels),
                    sources=tuple(unique_sources),
                    build=tuple(tools),
                ),
                image=draw(st.none() | records()),
            ),
        ),
    )


@given(locks())
def test_a_lock_reads_back_as_it_was_written(lock):
    text = file.dumps(lock)
    assert file.loads(text) == lock
    assert file.loads(text.replace("\n", "\r\n")) == lock


@given(locks(), records())
def test_a_record_is_no_part_of_what_it_is_a_record_of(lock, record):
    """Recording once more, or another image, changes nothing that goes into one."""
    (part,) = lock.platforms
    held = lock.with_record(part.platform, record)

    assert held.platforms[0].image == record
    assert file.dumps(held.without_records()) == file.dumps(lock.without_records())
    assert file.loads(file.dumps(held)).without_records() == lock.without_records()


RECORD = model.ImageRecord(
    made_from=f"sha256:{'a' * 64}",
    digest=f"sha256:{'b' * 64}",
    layers=(f"sha256:{'c' * 64}",) * 2,
    engine="docker 1, b",
)
TEXT = file.dumps(LOCK.with_record("linux/amd64", RECORD))


@given(st.integers(0, len(TEXT)), st.integers(0, 30), ANY_TEXT)
@settings(max_examples=300)
def test_a_damaged_lock_is_read_or_refused_but_never_a_traceback(start, length, by):
    try:
        file.loads(TEXT[:start] + by + TEXT[start + length :])
    except LockUnusable as error:
        assert error.where
        assert error.hint


@given(st.randoms(use_true_random=False))
def test_shuffled_lines_are_read_or_refused_but_never_a_traceback(chance: random.Random):
    lines = TEXT.splitlines(keepends=True)
    chance.shuffle(lines)
    try:
        file.loads("".join(lines))
    except LockUnusable as error:
        assert error.hint
