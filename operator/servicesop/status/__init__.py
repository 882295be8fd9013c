"""What people read: conditions and table columns, written by server-side apply; Events."""
