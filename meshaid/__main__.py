"""`python -m meshaid` is the same as `meshaid`."""

from meshaid.cli.main import main

main(prog_name="meshaid")
