"""The process: kopf's shell around the engine, configuration, probes."""
