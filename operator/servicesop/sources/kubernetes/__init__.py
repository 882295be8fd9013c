"""The API server: one thin client, slim watches, and pod logs as the namespace's runner."""
