"""The house's rules, read from the imports: each part knows only what stands before it."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Part of cogfreeze → the parts that it may import. Single modules at the top count as parts.
LEAVES = {"errors", "report", "settings", "bundled", "atomic", "grammar"}
MAY_IMPORT = {
    "errors": set(),
    "report": set(),
    "settings": {"settings_file"},
    "settings_file": {"errors"},
    "bundled": set(),
    "atomic": set(),
    "grammar": {"errors"},
    "project": LEAVES,
    "lock": LEAVES | {"project"},
    "catalog": LEAVES | {"lock"},
    "resolve": LEAVES | {"project", "lock", "catalog"},
    "review": LEAVES | {"project", "lock", "catalog", "resolve"},
    "recipe": LEAVES | {"project", "lock", "catalog"},
    "maintenance": LEAVES | {"lock", "catalog", "project", "resolve"},
    "deploy": LEAVES | {"project", "lock", "catalog"},
    "client": LEAVES,
    "playground": LEAVES,
    "engine": LEAVES | {"project", "lock", "catalog", "resolve", "recipe", "client"},
    "local": LEAVES | {"project", "lock", "catalog", "resolve", "client"},
    "doctor": LEAVES | {"project", "lock", "catalog", "resolve", "recipe", "engine", "local"},
}

# What reads or writes the world; `project`, `lock` and `recipe` are functions of values but for the readers.
OUTSIDE = {"subprocess", "socket", "requests", "urllib3", "urllib.request", "http.client", "docker", "shutil"}
PURE = {"project", "lock", "recipe", "deploy"}

# The few modules of the pure parts that read or write files.
MAY_READ_FILES = {
    "cogfreeze/lock/file.py",
    "cogfreeze/project/cog_yaml.py",
    "cogfreeze/project/python/requirements.py",
    "cogfreeze/project/predictor.py",
    "cogfreeze/recipe/runtime_files.py",
}

# Package or module of the server → the others that it may import.
RECORDS = {"protocol", "budget", "settings", "health", "logs", "metrics"}
SERVER_MAY_IMPORT = {
    **{name: set() for name in RECORDS},
    "page": set(),
    "protocols": {"protocol", "http"},
    "http": {"protocol", "budget"},
    "schema": {"protocol", "settings"},
    "files": {"protocol"},
    "worker": {"settings", "health"},
    "predictions": RECORDS | {"http", "schema", "files", "worker"},
    "webhooks": {"protocol", "settings", "files", "predictions"},
    "app": {"protocol", "health", "http", "schema", "worker", "predictions"},
    "server": RECORDS
    | {"page", "protocols", "http", "schema", "files", "worker", "predictions", "webhooks", "app"},
    "main": {"settings", "logs", "schema", "worker", "server"},
}
# The modules of a package that others may import; the rest is its own business.
SERVER_DOORS = {
    "http": {"edge", "web", "origins"},
    "schema": {"documents", "inputs", "page"},
    "files": {"fetch", "store", "folders", "client", "guard"},
    "worker": {"spawn", "supervisor", "process"},
    "predictions": {"prediction", "encoding", "scheduler", "handlers"},
}


def modules(folder):
    return sorted(path for path in (ROOT / folder).rglob("*.py") if "__pycache__" not in path.parts)


def imported(path):
    """Every module name that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def part(path):
    relative = path.relative_to(ROOT / "cogfreeze")
    return relative.parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", modules("cogfreeze"), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_follow_the_arrow(path):
    own = part(path)
    if own in ("cli", "__init__"):
        return
    parts = {name.split(".")[1] for name in imported(path) if name.startswith("cogfreeze.")}
    assert parts - MAY_IMPORT[own] - {own} == set()


def test_nothing_imports_the_command_line():
    for path in modules("cogfreeze"):
        if part(path) != "cli":
            assert not [name for name in imported(path) if f"{name}.".startswith("cogfreeze.cli.")], path


def test_the_pure_parts_reach_for_nothing_outside():
    for path in modules("cogfreeze"):
        if part(path) not in PURE:
            continue
        assert set(imported(path)) & OUTSIDE == set(), path
        if str(path.relative_to(ROOT)) not in MAY_READ_FILES:
            calls = {
                node.func.attr
                for node in ast.walk(ast.parse(path.read_text()))
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
            }
            assert (
                calls & {"read_text", "read_bytes", "write_text", "write_bytes", "open", "iterdir", "glob"}
                == set()
            ), path


def test_runtime_and_builder_never_import_each_other():
    for path in modules("cogfreeze"):
        assert not [name for name in imported(path) if name.split(".")[0] in ("cog", "cogworker", "cogserve")], (
            path
        )
    for path in modules("runtime"):
        assert not [name for name in imported(path) if name.split(".")[0] == "cogfreeze"], path


def test_sdk_and_worker_import_the_standard_library_alone():
    for path in [*modules("runtime/cog"), *modules("runtime/cogworker")]:
        roots = {name.split(".")[0] for name in imported(path)}
        assert roots - sys.stdlib_module_names - {"cog", "cogworker"} == set(), path


def test_one_file_alone_imports_hypercorn():
    users = [path for path in modules("runtime") if any(n.split(".")[0] == "hypercorn" for n in imported(path))]
    assert users == [ROOT / "runtime/cogserve/http/edge.py"]


def server_imports():
    """Every module of the server, and the modules of the server that it imports."""
    names = {}
    for path in modules("runtime/cogserve"):
        parts = path.relative_to(ROOT / "runtime").with_suffix("").parts
        names[".".join(parts).removesuffix(".__init__")] = path
    return {name: {one for one in imported(path) if one in names} - {"cogserve"} for name, path in names.items()}


def test_packages_of_the_server_import_along_the_arrows():
    for name, found in server_imports().items():
        if name == "cogserve":
            assert not found
            continue
        own = name.split(".")[1]
        assert {one.split(".")[1] for one in found} - SERVER_MAY_IMPORT[own] - {own} == set(), name


def test_packages_of_the_server_are_entered_by_their_doors():
    for name, found in server_imports().items():
        for package, door in SERVER_DOORS.items():
            inside = f"cogserve.{package}."
            if not f"{name}.".startswith(inside):
                entered = {one.removeprefix(inside) for one in found if one.startswith(inside)}
                assert entered - door == set(), name


def test_no_files_of_the_server_import_each_other_in_a_circle():
    left = {name: set(found) for name, found in server_imports().items()}
    while left:
        free = {name for name, found in left.items() if not found & set(left)}
        assert free, f"a circle among {sorted(left)}"
        left = {name: found for name, found in left.items() if name not in free}


def test_only_the_command_line_prints():
    for path in modules("cogfreeze"):
        if part(path) == "cli":
            continue
        names = [node.func.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]  # fmt: skip  # noqa: E501
        assert "print" not in names, path


def test_no_file_is_named_for_no_knowledge():
    vague = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
    for folder in ("cogfreeze", "runtime", "tests"):
        assert not [path for path in modules(folder) if path.stem in vague]
