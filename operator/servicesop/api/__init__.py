"""The ServiceSOP resource: typed models, from which the CRD in `crds/` is generated."""
