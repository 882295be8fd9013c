"""Runs the SOPs: due checks, one SOP at a time, the ledger of actions."""
