"""The pictures of a report.

In:  findings with the series that they judged, and the run's phases.
Out: PNG files of at most 60 KB, whatever values the series hold.

    panels: what is shown > decimate: fewer points, no spike lost > axes: scale and ticks > draw: PNG

    endings: how training episodes of driving ended, as bars
`panels` decides and draws nothing; `draw` draws and decides nothing. `figure` imports matplotlib without a display.
"""
