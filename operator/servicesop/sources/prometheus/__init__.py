"""Asks Prometheus and Alertmanager, at the endpoints that the administrator has named."""
