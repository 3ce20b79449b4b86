"""Crops that are on a GPU get the vectors that they get on the processor, wherever each of them lies."""

from __future__ import annotations

import numpy as np
import pytest

from engines.backends.fake import fake_embedder
from pipeline.alignment.crop import CropRule
from pipeline.alignment.on_device import DeviceCut
from pipeline.device.pixels import DeviceCrops
from pipeline.embedding.embedder import Embedder
from pipeline.embedding.on_device import DeviceEmbedder
from pipeline.gallery.int8_grid import Kept
from pipeline.pixels import HostPixels
from tests.alignment.test_on_device import faces
from tests.fake_gpus import fake_gpu, on_gpu, picture

RULE = CropRule(size_px=32, margin_px=0.0, margin_fraction=0.14)


@pytest.mark.parametrize("kept", ["float32", "int8"])
def test_crops_from_device_and_host_in_one_batch(kept: Kept) -> None:
    images = [picture(200, 200, seed) for seed in range(3)]
    found = [faces(3, seed) for seed in range(3)]
    on_host = [RULE.crops(image, each) for image, each in zip(images, found, strict=True)]
    centre = np.linspace(-0.05, 0.05, 8, dtype=np.float32)
    with fake_gpu() as gpu, on_gpu(fake_embedder(32, 8), gpu) as engine:
        cut = DeviceCut(RULE, gpu)
        embedder = DeviceEmbedder(engine, gpu, "fake", max_batch=4, centre=centre, kept=kept)
        crops = [cut(HostPixels(image), each) for image, each in zip(images[:2], found, strict=False)]
        assert isinstance(crops[0], DeviceCrops)
        some = crops[0].take(np.array([2, 0]))

        vectors = embedder.embed_pixels([some, crops[1], HostPixels(on_host[2])])
        assert gpu.bus.crossed.down_bytes == 0

        wanted = Embedder(engine, "fake", 16, centre, kept).embed(
            np.concatenate([on_host[0][[2, 0]], *on_host[1:]])
        )
        np.testing.assert_array_equal(vectors, wanted)
        np.testing.assert_array_equal(embedder.embed(on_host[2]), wanted[5:])
        assert embedder.embed_pixels([]).shape == (0, 8)
        del crops, some
        cut.close()
        embedder.close()
