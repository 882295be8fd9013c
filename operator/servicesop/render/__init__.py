"""The SOP as a page that people read: Markdown in the shape of a runbook, with manual commands."""
