"""`cog diff` of images, by the locks inside them."""

import json

import pytest

from tests.engine.conftest import PREFIX

pytestmark = pytest.mark.engine


@pytest.mark.usefixtures("ocr_image", "small_image")
def test_an_image_is_compared_by_the_lock_inside_it(ocr, cog):
    found = cog(ocr, "diff", f"{PREFIX}-ocr", "--format", "json")
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout)["same"] is True
    found = cog(ocr, "diff", f"{PREFIX}-small", f"{PREFIX}-ocr", "--format", "json")
    changes = {each["name"]: each["change"] for each in json.loads(found.stdout)["platforms"][0]["packages"]}
    assert changes["rapidocr-onnxruntime"] == "added"


def test_an_image_that_the_engine_lacks_is_refused(ocr, cog):
    found = cog(ocr, "diff", "no-such-image:here")
    assert found.returncode == 2
    assert "is no lock file, no git revision and no image" in found.stderr
