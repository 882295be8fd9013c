"""Asks HTTP servers: one guarded, bounded client for every check."""
