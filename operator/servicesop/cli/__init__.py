"""The `servicesop` command."""
