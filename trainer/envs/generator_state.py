"""Random generators as plain numbers, for checkpoints that hold arrays and nothing executable."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

GENERATOR_WORDS = 6
"""64-bit words that describe one generator."""

_WORD = (1 << 64) - 1


def pack_generators(generators: Sequence[np.random.Generator]) -> npt.NDArray[np.uint64]:
    """Return the states of PCG64 generators, `uint64[n, GENERATOR_WORDS]`."""
    rows = []
    for generator in generators:
        state = generator.bit_generator.state
        position, increment = state["state"]["state"], state["state"]["inc"]
        rows.append(
            [
                position >> 64,
                position & _WORD,
                increment >> 64,
                increment & _WORD,
                state["has_uint32"],
                state["uinteger"],
            ]
        )
    return np.array(rows, np.uint64).reshape(-1, GENERATOR_WORDS)


def unpack_generators(words: npt.NDArray[np.uint64]) -> list[np.random.Generator]:
    """Return generators in the states that `pack_generators` described."""
    generators = []
    for row in words.tolist():
        bits = np.random.PCG64()
        bits.state = {
            "bit_generator": "PCG64",
            "state": {"state": row[0] << 64 | row[1], "inc": row[2] << 64 | row[3]},
            "has_uint32": row[4],
            "uinteger": row[5],
        }
        generators.append(np.random.Generator(bits))
    return generators
