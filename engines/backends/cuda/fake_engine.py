"""An engine of the processor as TensorRT's engine on a fake GPU: to rehearse what needs a GPU without one."""

from __future__ import annotations

from pathlib import Path

from engines.backends.base import Engine
from engines.backends.cuda.driver import Driver
from engines.backends.cuda.fake_driver import FakeDriver
from engines.backends.cuda.fake_network import FakeNetwork
from engines.backends.tensorrt import TensorrtEngine
from engines.build.tensorrt_profiles import Profile

FREE_PX = (1, 2048)
"""of sides that the network leaves open"""


def on_fake_gpu(engine: Engine, driver: FakeDriver, most: int = 8) -> TensorrtEngine:
    """For up to `most` rows a run, not yet open; `engine` has one input, and its opener opens and closes it.

    `driver` is this engine's alone; others may be on the same fake GPU.
    """
    (spec,) = engine.inputs
    low, high = ([side if isinstance(side, int) else free for side in spec.shape[1:]] for free in FREE_PX)
    profile = Profile(spec.name, (1, *low), (most, *low), (most, *high))

    def load(_: Driver) -> FakeNetwork:
        return FakeNetwork(driver, engine.infer, engine.inputs, engine.outputs, (profile,))

    return TensorrtEngine(
        "fake",
        Path("none.engine"),
        engine.inputs,
        engine.outputs,
        engine.info,
        driver=driver,
        load=load,
    )
