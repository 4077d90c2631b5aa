"""Models: a configuration, named tables and a loss each."""
