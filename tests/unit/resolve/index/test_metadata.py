"""Reading a wheel's metadata: little is fetched, and nothing that an index offers does harm."""

import io
import zipfile
from dataclasses import replace

import pytest

from cogfreeze.errors import IntegrityError, LockUnsound, NetworkError
from cogfreeze.lock.model import Wheel
from cogfreeze.report import Silent
from cogfreeze.resolve.index import metadata
from cogfreeze.resolve.index.wheel_files import Candidate, Target, wheel_rank
from cogfreeze.resolve.python import uv
from tests.unit.resolve.index_server import sha256, wheel

FILE = "app-1.0-py3-none-any.whl"


def candidate(index, data, file=FILE):
    index.wheels.setdefault("simple", {})[file] = data
    return Candidate(file=file, url=f"{index.url}/files/simple/{file}", sha256=sha256(data))


def packed(**files):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in files.items():
            archive.writestr(path.replace("__", "/").replace("~", "-"), data)
    return made.getvalue()


def test_metadata_that_lies_at_both_ends_of_a_large_wheel_cost_little(index, settings):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("app-1.0.dist-info/METADATA", "Name: app\nRequires-Dist: lib\nRequires-Python: >=3.8\n")
        archive.writestr("app/data", bytes(9_000_000))
        for number in range(3000):
            archive.writestr(f"app/{number:04}.py", "")
        record = "".join(f"app/{number:04}.py,sha256=x,0\n" for number in range(3000))
        archive.writestr("app-1.0.dist-info/RECORD", record)
    wheel = candidate(index, made.getvalue())
    read = metadata.wheel_metadata([wheel], settings, Silent())[wheel.sha256]
    assert (read.size, read.requires, read.python, len(read.files)) == (
        len(made.getvalue()),
        ("lib",),
        ">=3.8",
        3000,
    )
    assert len(index.requests) <= 4
    assert all("bytes=" in line for line in index.requests)
    index.requests.clear()
    assert metadata.wheel_metadata([wheel], settings, Silent())[wheel.sha256] == read
    assert index.requests == []


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"no zip at all", "File is not a zip file"),
        (packed(app="x"), "0 `.dist-info` folders in app-1.0-py3-none-any.whl"),
        (
            packed(**{"a~1.dist~info__METADATA": "", "b~1.dist~info__METADATA": ""}),
            "2 `.dist-info` folders in " + FILE,
        ),
        (
            packed(**{"app~1.0.dist~info__METADATA": b"\0" * (65 * 1024 * 1024)}),
            "app-1.0.dist-info/METADATA is larger than 67108864 bytes",
        ),
        (
            packed(**{"app~1.0.dist~info__METADATA": "Name: app\n"}),
            "There is no item named 'app-1.0.dist-info/RECORD' in the archive",
        ),
    ],
    ids=["no zip", "no papers", "two papers", "bomb", "no record"],
)
def test_what_is_no_wheel_is_refused(index, settings, data, why):
    with pytest.raises(IntegrityError) as caught:
        metadata.wheel_metadata([candidate(index, data)], settings, Silent())
    assert str(caught.value) == f"`{FILE}` is not a wheel: {why}"


def test_a_wheel_that_is_gone_is_a_network_error(index, settings):
    gone = Candidate(file=FILE, url=f"{index.url}/files/simple/{FILE}", sha256=sha256(b""))
    with pytest.raises(NetworkError) as caught:
        metadata.wheel_metadata([gone], settings, Silent())
    assert str(caught.value) == f"{index.url}/files/simple/{FILE} answered 404 Not Found"


@pytest.mark.parametrize(
    "file",
    [
        "app-1.0-1/../../x-py3-none-any.whl",
        "app-1.0-py3-none-any.x/../y.whl",
        "../app-1.0-py3-none-any.whl",
        "app-1.0-py3-none-any.whl\n",
        "app-1.0-py3-none-any .whl",
    ],
)
def test_a_file_name_that_could_lead_elsewhere_is_no_wheel(file):
    assert wheel_rank(file, Target(python="3.11", platform="linux/amd64")) is None


@pytest.mark.parametrize("digest", ["../../x", "", "A" * 64, "0" * 63])
def test_a_hash_that_is_none_is_refused(tmp_path, digest):
    pylock = (
        '[[packages]]\nname = "app"\nversion = "1.0"\n'
        f'wheels = [{{ url = "https://host.example/{FILE}", hashes = {{ sha256 = "{digest}" }} }}]\n'
    )
    with pytest.raises(IntegrityError) as caught:
        uv.packages(pylock, tmp_path)
    assert str(caught.value) == f"the index gives no usable SHA-256 for `{FILE}`: `{digest}`"


def test_wheels_at_hand_require_what_the_lock_records_of_them(tmp_path):
    """An edited record makes a set look sound that isn't; the wheel itself, bound by its hash, tells."""
    path = tmp_path / FILE
    path.write_bytes(wheel(FILE, requires=["numpy<2.2", 'lib; extra == "x"'], python=">=3.8"))
    honest = Wheel(
        name="app",
        version="1.0",
        file=FILE,
        sha256="a" * 64,
        size=1,
        requires_python=">=3.8",
        requires=("numpy<2.2",),
    )
    place = {"python": "3.11", "platform": "linux/amd64"}
    metadata.require_recorded([honest], {honest.sha256: path}, **place)
    metadata.require_recorded([replace(honest, requires=(), requires_python=None)], {honest.sha256: path}, **place)

    edited = replace(honest, requires=("numpy<3",), requires_python=">=3.7")
    with pytest.raises(LockUnsound) as caught:
        metadata.require_recorded([edited], {edited.sha256: path}, **place)
    assert caught.value.reasons == (
        f"`{FILE}` requires `numpy<2.2`, and the lock records `numpy<3`",
        f"`{FILE}` requires Python >=3.8, and the lock records >=3.7",
    )
