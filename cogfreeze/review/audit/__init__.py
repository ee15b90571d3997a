"""Known vulnerabilities of what is locked, by OSV's records: which apply, which are ignored and why."""
