"""Numbers for operations on short arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def constant(value: float) -> npt.NDArray[np.float32]:
    """Return `value` as a read-only, zero-dimensional `float32` array.

    In an operation on an array of a few elements a Python number takes longer to convert than
    the operation itself; this one needs no conversion.
    """
    array = np.array(value, np.float32)
    array.flags.writeable = False
    return array
