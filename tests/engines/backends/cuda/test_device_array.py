"""Arrays in a GPU's memory check themselves."""

from __future__ import annotations

import pytest

from engines.backends.cuda.device_array import DeviceArray


def test_sizes() -> None:
    array = DeviceArray(0x100, (4, 10, 10, 3), "float32", owner=None)
    assert array.size_bytes == 4800
    assert array.row_bytes == 1200


@pytest.mark.parametrize(("pointer", "shape"), [(0, (1,)), (1, ()), (1, (2, 0))])
def test_an_array_has_an_address_and_rows(pointer: int, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="needs an address and rows"):
        DeviceArray(pointer, shape, "uint8", owner=None)
