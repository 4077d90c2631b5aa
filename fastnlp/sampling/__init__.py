"""Subsampling, windows, negatives and padded batches, as the native engine draws them."""
