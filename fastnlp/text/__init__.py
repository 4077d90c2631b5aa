"""Vocabularies and corpora: from bytes to ids."""
