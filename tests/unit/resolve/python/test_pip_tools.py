"""pip-tools: the other engine, and the independent oracle."""

import sys

import pytest

from cogfreeze.errors import ResolveError, UsageError
from cogfreeze.project.model import Build
from cogfreeze.report import Silent
from cogfreeze.resolve.python import closure
from cogfreeze.settings import Settings

pytestmark = pytest.mark.slow

HERE = ".".join(map(str, sys.version_info[:2]))


@pytest.fixture
def lock(monkeypatch, tmp_path):
    """Resolve with either engine. pip's own settings are this machine's affair, and shut out here."""
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)

    def resolve(
        *packages, resolver="pip-tools", version=HERE, platform="linux/amd64", cache=None, previous=(), **more
    ):
        settings = Settings(cache=cache or tmp_path / "cache")
        return closure.resolve_python(
            Build(python_version=version, python_packages=packages, gpu=True), tmp_path, platform, glibc=(2, 36),
            settings=settings, report=Silent(), resolver=resolver, previous=closure.Packages(wheels=previous),
            **more,
        ).wheels  # fmt: skip

    return resolve


@pytest.fixture
def local(index, monkeypatch, lock):
    """A local index that both engines use."""
    monkeypatch.setenv("PIP_INDEX_URL", f"{index.url}/simple")
    return index


def test_both_engines_make_one_lock(local, lock):
    local.add("simple", "app-1.0-py3-none-any.whl", requires=["lib<2", 'absent; python_version < "3"'])
    local.add("simple", "lib-1.0-py3-none-any.whl")
    local.add("simple", "lib-2.0-py3-none-any.whl")
    made = lock("app", "cog")
    assert [(each.name, each.version, each.required_by) for each in made] == [
        ("app", "1.0", ()),
        ("lib", "1.0", ("app",)),
    ]
    assert made == lock("app", resolver="uv")


@pytest.mark.slow
def test_a_lock_moves_only_what_it_must_with_pip_tools_too(local, lock):
    for name in ("app", "lib"):
        local.add("simple", f"{name}-1.0-py3-none-any.whl")
    before = lock("app", "lib")
    for name in ("app", "lib"):
        local.add("simple", f"{name}-2.0-py3-none-any.whl")

    def versions(**more):
        return {each.name: each.version for each in lock("app", "lib", previous=before, **more)}

    assert versions() == {"app": "1.0", "lib": "1.0"}
    assert versions(upgrade=closure.Upgrade(packages=(("lib", None),))) == {"app": "1.0", "lib": "2.0"}
    assert versions(upgrade=closure.Upgrade(all=True)) == {"app": "2.0", "lib": "2.0"}


def test_what_pip_tools_cannot_do_is_told(local, lock, tmp_path):
    with pytest.raises(UsageError) as caught:
        lock("app", version="3.8")
    assert str(caught.value) == (
        f"pip-tools resolves for the Python that it runs on, {HERE} on `linux/amd64`, and the image has 3.8 on"
        " `linux/amd64`"
    )
    with pytest.raises(UsageError) as caught:
        lock("app", upgrade=closure.Upgrade(exclude_newer="2026-01-01"))
    assert str(caught.value) == "pip-tools has no `--exclude-newer`"
    local.add("simple", "torch-2.0-py3-none-any.whl")
    with pytest.raises(UsageError) as caught:
        closure.resolve_python(
            Build(python_version=HERE, python_packages=("torch",)), tmp_path, "linux/amd64", glibc=None,
            settings=Settings(cache=tmp_path), report=Silent(), resolver="pip-tools",
        )  # fmt: skip
    assert str(caught.value) == "pip-tools can't take `torch` alone from the index `pytorch-cpu`"


def test_a_failure_of_pip_is_told_in_its_words(local, lock):
    local.add("simple", "app-1.0-py3-none-any.whl")
    with pytest.raises(ResolveError) as caught:
        lock("app==2")
    assert str(caught.value) == (
        "build.python_packages: pip-tools could not resolve the Python packages: Could not find a version that"
        " satisfies the requirement app==2"
    )


QUICK = [["requests", "rich<14"]]
MORE = [
    ["pydantic>=2,<3", "typing-extensions<4.14"],
    ["jinja2", "pyyaml", "pillow<12"],
    ["trio", "hypercorn"],
    ["httpx[http2]<0.28"],
    ["flask", "werkzeug<3.1"],
    ["fastapi==0.115.*", "uvicorn[standard]"],
    ["click<8.2", "typer"],
    ["msgspec", "attrs", "cattrs"],
    ["sqlalchemy<2.1", "alembic"],
    ["numpy<2.3", "pandas<2.3"],
    ["python-dateutil<2.9", "pytz"],
    ["boto3==1.35.0"],
    ["aiohttp<3.12"],
    ["hypothesis", "pytest<9"],
    ["black==24.*"],
    ["celery<5.5"],
    ["marshmallow<4", "apispec"],
    ["packaging<25", "setuptools<80", "wheel"],
    ["requests[socks]<2.32", "urllib3<2"],
    ["networkx<3.5", "sympy"],
    ["tqdm", "fsspec<2025", "filelock"],
    ["structlog", "orjson"],
]


@pytest.mark.parametrize(
    "packages", [*QUICK, *(pytest.param(each, marks=pytest.mark.slow) for each in MORE)], ids=" ".join
)
def test_pip_tools_agrees_with_uv_on_the_real_index(lock, packages, tmp_path_factory):
    cache = tmp_path_factory.getbasetemp() / "oracle-cache"
    asked = lock(*packages, cache=cache)
    assert lock(*packages, resolver="uv", cache=cache) == asked
    assert len(asked) >= len(packages)
