"""Subword tokenizers: byte-pair encoding, learned from text and applied to it."""
