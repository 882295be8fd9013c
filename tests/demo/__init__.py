"""`make demo`: the operator's main job as a story in the terminal, on real servers."""
