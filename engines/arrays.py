"""Array types of the engines' rooms."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]
Batch = F32 | U8
"""what goes into a network or comes out of it"""
Bools = NDArray[np.bool_]
