"""The tests. `make test` runs them against the installed wheel, from an empty folder."""
