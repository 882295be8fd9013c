"""Standard operating procedures as Kubernetes objects: seen, judged, acted on, reported."""
