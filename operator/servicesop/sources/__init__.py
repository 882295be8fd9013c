"""Where answers come from: Kubernetes and PostgreSQL. Pooled, bounded, with clean errors."""
