"""Reads the README and docs/, and runs what the README tells people to run: `python -m readme`."""
