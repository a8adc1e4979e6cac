"""Figures, not tests: `make bench` prints them beside the targets and the floor of this machine."""
