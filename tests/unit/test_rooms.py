"""The rooms of `cogfreeze/resolve`: each is entered by its door, along the arrows that ARCHITECTURE.md draws."""

import ast
import importlib

import pytest

from tests.unit.test_imports import ROOT, imported, modules

# Room → the rooms that it may import from. `lock` is the module that makes a whole lock of them all.
ARROWS = {
    "fetch": set(),
    "requirements": set(),
    "index": {"fetch", "requirements"},
    "base": {"fetch"},
    "apt": {"fetch"},
    "python": {"fetch", "requirements", "index"},
    "runtime": {"fetch", "base", "index", "python"},
    "lock": {"fetch", "requirements", "base", "apt", "python", "runtime"},
}
MOST_FILES = 14


def name_of(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def room_of(module):
    """Return the room that a module stands in, or None for one outside `cogfreeze.resolve`."""
    parts = module.split(".")
    return parts[2] if parts[:2] == ["cogfreeze", "resolve"] and len(parts) > 2 else None


def room_imports(path):
    """Every `from cogfreeze.resolve.… import …` of a file, as (module, name)."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            assert not [each for each in node.names if each.name.startswith("cogfreeze.resolve")], path
        elif isinstance(node, ast.ImportFrom) and room_of(f"{node.module}.") is not None:
            yield from ((node.module, each.name) for each in node.names)


def test_every_room_has_its_arrows():
    folders = {path.parent.name for path in (ROOT / "cogfreeze/resolve").glob("*/__init__.py")}
    assert folders == ARROWS.keys() - {"lock"}


@pytest.mark.parametrize("path", modules("cogfreeze"), ids=lambda path: str(path.relative_to(ROOT)))
def test_rooms_are_entered_by_their_doors_along_the_arrows(path):
    own = room_of(name_of(path))
    for module, name in room_imports(path):
        room = room_of(module if module != "cogfreeze.resolve" else f"{module}.{name}")
        if room == own:
            continue
        assert own is None or room in ARROWS[own], f"{own} may not import from {room}"
        if room != "lock":
            assert module == f"cogfreeze.resolve.{room}", f"{module} is not the door of {room}"
            assert name in importlib.import_module(module).__all__, f"{module} does not name {name}"


def test_no_files_import_each_other_in_a_circle():
    paths = {name_of(path): path for path in modules("cogfreeze")}
    left = {name: {each for each in imported(path) if each in paths} - {name} for name, path in paths.items()}
    # A package is imported with each of its modules: what counts is the module.
    left = {name: {e for e in found if not name.startswith(f"{e}.")} for name, found in left.items()}
    while left:
        free = {name for name, found in left.items() if not found & left.keys()}
        assert free, f"a circle among {sorted(left)}"
        left = {name: found for name, found in left.items() if name not in free}


@pytest.mark.parametrize("folder", ["cogfreeze/resolve", "runtime/cogserve"])
def test_a_folder_holds_no_more_than_one_kind_of_knowledge(folder):
    for each in {path.parent for path in modules(folder)}:
        assert len(list(each.glob("*.py"))) <= MOST_FILES, each
