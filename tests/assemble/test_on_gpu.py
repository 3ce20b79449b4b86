"""Where a run's pixels stay, and how its parts on a GPU are made anew."""

from __future__ import annotations

import numpy as np
import pytest

from engines.backends.choose import EngineChoice
from engines.backends.cuda.fake_accounts import Failure
from engines.backends.cuda.fake_driver import FakeDriver
from engines.backends.cuda.fake_gpu import FakeGpu
from engines.backends.cuda.kernels.launch import Kernels
from engines.backends.cuda.kernels.on_fake import fake_kernels
from engines.backends.fake import fake_embedder
from engines.errors import BackendError
from engines.prepare import Prepared
from engines.zoo.catalogue import Catalogue
from pipeline.alignment.crop import CropRule
from pipeline.alignment.on_device import DeviceCut
from pipeline.assemble.on_gpu import reopen, shared_gpu, tensorrt_engine
from pipeline.device.shared import SharedGpu
from pipeline.embedding.on_device import DeviceEmbedder
from pipeline.pixels import HostPixels
from tests.alignment.test_on_device import faces
from tests.fake_gpus import driver_of, fake_gpu, host_kernels, on_gpu, picture


@pytest.mark.parametrize("backend", ["openvino", "torch"])
def test_pixels_stay_on_the_host_where_tensorrt_does_not_run(backend: str) -> None:
    choice = EngineChoice("torch" if backend == "torch" else "openvino", "fp32", 0, "a", "b", on_gpu=True)
    assert shared_gpu(choice) is None


def test_an_engine_of_another_backend_is_refused(catalogue: Catalogue) -> None:
    prepared = Prepared(catalogue.model("facenet-20180408"), fake_embedder(), None)
    with pytest.raises(
        BackendError, match=r"facenet-20180408 runs by fake, .*; set engine\.backend=tensorrt"
    ):
        tensorrt_engine(prepared)


def test_a_part_is_made_anew_with_its_engine_and_gives_what_it_gave() -> None:
    crops = HostPixels(np.stack([picture(32, 32, seed) for seed in range(3)]))
    with fake_gpu() as gpu, on_gpu(fake_embedder(32, 8), gpu) as engine:
        embedder = DeviceEmbedder(engine, gpu, "fake", max_batch=4)
        before = embedder.embed_pixels([crops])
        streams = driver_of(gpu).calls["new_stream"]

        reopen(embedder, engine)

        np.testing.assert_array_equal(embedder.embed_pixels([crops]), before)
        assert driver_of(gpu).calls["new_stream"] == streams + 1
        embedder.close()


def test_a_cut_goes_on_after_a_launch_that_failed() -> None:
    rule, image, found = (
        CropRule(size_px=32, margin_px=0.0, margin_fraction=0.1),
        picture(90, 90),
        faces(3, 0),
    )
    device = FakeGpu(kernels=fake_kernels(host_kernels()))
    driver = FakeDriver(device, (Failure("launch", 1),))
    with SharedGpu(driver, Kernels(driver, "9.0", lambda name, _: name.encode()), 1 << 24) as gpu:
        cut = DeviceCut(rule, gpu)
        with pytest.raises(BackendError, match="launch failed"):
            cut(HostPixels(image), found)
        cut.close()  # as its stage does before it goes on
        crops = cut(HostPixels(image), found)
        np.testing.assert_array_equal(crops.to_host(), rule.crops(image, found))
        del crops
        cut.close()
    assert driver.leaks == ()
