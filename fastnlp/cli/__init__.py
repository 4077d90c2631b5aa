"""The command line, `fastnlp ...`."""
