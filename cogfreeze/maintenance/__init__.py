"""Tasks for maintainers: they write files of this repository, and no user runs them."""
