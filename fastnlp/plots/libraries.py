"""Libraries that only pictures need, loaded when a picture is drawn."""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["load_library"]

# module: (the project that has it, the extra of fastnlp that installs it)
_HOME = {
    "matplotlib": ("Matplotlib", "plot"),
    "scipy": ("SciPy", "plot"),
    "sklearn": ("scikit-learn", "plot"),
    "threadpoolctl": ("threadpoolctl", "plot"),
    "umap": ("umap-learn", "umap"),
}


def load_library(name: str, purpose: str) -> Any:
    """A module of an optional library.

    Args:
        name: of the module, like "sklearn.manifold".
        purpose: what needs it, as the subject of the error.

    Returns:
        The module.

    Raises:
        ImportError: it is not installed; the message says what to install.

    Example:
        >>> load_library("matplotlib.figure", "a picture").__name__
        'matplotlib.figure'
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        project, extra = _HOME[name.partition(".")[0]]
        raise ImportError(
            f"{purpose} needs {project}: expected it installed, got {error}; pip install 'fastnlp[{extra}]'"
        ) from error
