"""SOPs under test: the engine's own turns on a clock that is set, in a cluster that is made up."""
