"""Figures of matplotlib, imported without the manual that it writes of itself.

For each of its hundred kinds of artists matplotlib writes a list of all properties into a docstring, a
quarter of the time that the import takes. Nobody reads it here.
"""

from __future__ import annotations

from matplotlib import artist

_list_of_properties = artist.kwdoc
artist.kwdoc = lambda artist: ""  # noqa: ARG005
try:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
finally:
    artist.kwdoc = _list_of_properties

__all__ = ["Figure", "FigureCanvasAgg"]
