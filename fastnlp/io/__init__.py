"""Reading and writing files: atomic writes, word vectors, checkpoints."""
