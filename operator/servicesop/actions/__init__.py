"""Guarded changes to a target. Each is one conditional write as the namespace's runner."""
