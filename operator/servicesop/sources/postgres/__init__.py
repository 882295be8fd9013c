"""PostgreSQL, asked read-only: connections from Secrets, pooled, one query sequence, own errors."""
