"""The pure-Python pipeline of Dive into Deep Learning, same names, signatures and results."""
