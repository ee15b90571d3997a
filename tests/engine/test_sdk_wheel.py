"""Another SDK, as a wheel outside the project, is what an image imports and is served by."""

import pytest

from cogfreeze import bundled
from tests.engine.conftest import PREFIX
from tests.unit.resolve.index_server import wheel

pytestmark = pytest.mark.engine

FILE = "cog-9.9-py3-none-any.whl"


def test_the_image_has_the_locked_sdk_in_place_of_ours(small, cog, built, shell, tmp_path):
    sources = sorted((bundled.RUNTIME / "cog").rglob("*.py"))
    files = {path.relative_to(bundled.RUNTIME).as_posix(): path.read_bytes() for path in sources}
    files["cog/__init__.py"] += b"\nMINE = 9.9\n"
    (tmp_path / FILE).write_bytes(wheel(FILE, files=files))
    folder = tmp_path / "project"
    folder.mkdir()
    for path in small.iterdir():
        if path.is_file():
            (folder / path.name).write_bytes(path.read_bytes())
    answer = cog(folder, "lock", variables={"COG_SDK_WHEEL": str(tmp_path / FILE)})
    assert answer.returncode == 0, answer.stderr
    (tmp_path / FILE).unlink()
    built(folder, name=f"{PREFIX}-sdk")
    assert shell(f"{PREFIX}-sdk", "python -c 'import cog; print(cog.MINE)'") == "9.9\n"
    answer = cog(folder, "predict", "-i", "text=hello", f"{PREFIX}-sdk")
    assert (answer.returncode, answer.stdout) == (0, "HELLO\n"), answer.stderr
