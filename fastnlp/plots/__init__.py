"""Pictures of word vectors and of training runs.

Functions that return Matplotlib figures, which belong to no window and need no display, and a web page in
one file. Matplotlib, SciPy and scikit-learn come with `pip install 'fastnlp[plot]'`, UMAP with
`fastnlp[umap]`; a page with PCA needs none of them.
"""

from fastnlp.plots.analogy import plot_analogies
from fastnlp.plots.fonts import MissingGlyphWarning
from fastnlp.plots.heatmap import plot_heatmap
from fastnlp.plots.page import page_html, write_page
from fastnlp.plots.pretraining_curves import plot_pretraining
from fastnlp.plots.projection import project
from fastnlp.plots.run_curves import plot_run
from fastnlp.plots.style import save_figure
from fastnlp.plots.word_map import plot_map

__all__ = [
    "MissingGlyphWarning",
    "page_html",
    "plot_analogies",
    "plot_heatmap",
    "plot_map",
    "plot_pretraining",
    "plot_run",
    "project",
    "save_figure",
    "write_page",
]
