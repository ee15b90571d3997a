"""The tables of the documentation are made from the descriptions in the code, and are up to date.

`make golden` writes them anew: the text between `<!-- table: NAME -->` and `<!-- end -->`.
"""

import re
from pathlib import Path

import pytest

from cogfreeze import errors, settings_file
from cogfreeze.catalog.system_rules import rules
from cogfreeze.project import reference

DOCS = Path(__file__).parents[2] / "docs"
TABLE = re.compile(r"(<!-- table: (?P<name>[a-z.-]+) -->\n)(?P<table>.*?)(?=<!-- end -->)", re.DOTALL)


def table(head, rows):
    """A Markdown table; `|` in a cell is escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def keys(section):
    rows = [
        (f"`{row.path}`{' **ours**' if row.ours else ''}", row.kind, row.default, row.meaning, row.since)
        for row in reference.rows(section)
    ]
    return table(("key", "type", "default", "meaning", "since"), rows)


def settings():
    rows = [
        (
            ", ".join(f"`{name}`" for name in each.variables),
            f"`{each.key}`" if each.key else "",
            each.default,
            each.meaning,
        )
        for each in settings_file.SETTINGS
    ]
    return table(("variable", "in a settings file", "default", "meaning"), rows)


def error_codes():
    rows = [(each.code, each.exit_status, each.meaning, each.fix) for each in errors.ENTRIES]
    return table(("code", "exit", "meaning", "what to do"), rows)


def system_rules():
    rows = [
        (
            ", ".join(f"`{name}`" for name in each.packages) or "any",
            ", ".join(f"`{path}`" for path in each.paths),
            each.cause,
            each.cure + (f": `{each.at_start.command}`" if each.at_start else ""),
        )
        for each in rules()
    ]
    return table(("packages", "files", "what differs", "what cogfreeze does"), rows)


TABLES = {f"keys{'.' + name if name else ''}": (lambda name=name: keys(name)) for name in reference.RECORDS} | {
    "settings": settings,
    "errors": error_codes,
    "system-rules": system_rules,
}


@pytest.mark.parametrize("file", ["cog-yaml.md", "cog-lock.md", "errors.md", "reproducible.md"])
def test_the_tables_of_the_documentation_are_up_to_date(file, request):
    path = DOCS / file
    text = path.read_text()
    made = TABLE.sub(lambda found: found[1] + TABLES[found["name"]](), text)
    if request.config.getoption("--golden-update"):
        path.write_text(made)
        text = made
    assert TABLE.search(text)
    assert made == text, "`make golden` writes the tables anew"


def test_every_table_is_in_the_documentation():
    found = [each["name"] for path in sorted(DOCS.glob("*.md")) for each in TABLE.finditer(path.read_text())]
    assert sorted(found) == sorted(TABLES)
