"""The command line, `fastnlp ...`.

Every command is a module with `add_to`, which describes its arguments, and `run`, which does it. NumPy and
the library load in `run`, so that `fastnlp --help` answers at once.
"""
