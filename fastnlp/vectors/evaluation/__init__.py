"""The tests of word vectors, one a file; `fastnlp.evaluate` has them together."""
