"""Both networks as fakes that know people by their colour, prepared as the product's own: on a processor, or as
engines of a fake GPU."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

import numpy as np

from config.schema import Config
from engines.arrays import F32, Batch
from engines.backends.base import Engine
from engines.backends.cuda.fake_driver import FakeDriver
from engines.backends.cuda.fake_engine import on_fake_gpu
from engines.backends.fake import FakeEngine, fake_embedder
from engines.prepare import Prepared
from engines.zoo.catalogue import read_catalogue
from pipeline.alignment.quality import no_parts
from pipeline.arrays import U8
from pipeline.assemble.recognition import (
    CATALOGUE_FILE,
    Networks,
    Recognition,
    networks_of,
    networks_on_gpu,
)
from pipeline.capture.synthetic import Colour
from pipeline.device.shared import SharedGpu
from tests.colour_people import judge
from tests.detection.maps import INPUTS, OUTPUTS, Painted, paint

NEAR = 30
"""levels of each colour that a codec and scaling may move it"""


@dataclass(frozen=True, slots=True)
class Engines:
    """Of a detector and an embedder, closed."""

    detector: Engine
    embedder: Engine


def painted_engines(people: Sequence[Colour]) -> Engines:
    """A CenterFace that finds people by their colours, and an embedder that tells them apart by them."""

    def answer(inputs: Mapping[str, Batch]) -> Mapping[str, F32]:
        pictures: U8 = np.asarray(inputs["image"], np.uint8)
        maps = [paint(image.shape[:2], list(_people(image, people))) for image in pictures]
        return {spec.name: np.stack([one[spec.name] for one in maps]) for spec in OUTPUTS}

    return Engines(FakeEngine(answer, INPUTS, OUTPUTS), fake_embedder(160, 512))


def _people(image: U8, people: Sequence[Colour]) -> Iterator[Painted]:
    for colour in people:
        apart = np.abs(image.astype(np.int64) - np.array(colour)).max(axis=2)
        ys, xs = np.nonzero(apart <= NEAR)
        if len(ys) > 100:
            yield Painted((int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1))


@contextmanager
def on_processor(config: Config, people: Sequence[Colour]) -> Iterator[Recognition]:
    """What the product makes of such engines."""
    engines = painted_engines(people)
    with engines.detector, engines.embedder:
        yield Recognition(_judged(networks_of(config, *_prepared(engines))))


@contextmanager
def on_a_fake_gpu(
    config: Config, people: Sequence[Colour], gpu: SharedGpu, drivers: Sequence[FakeDriver]
) -> Iterator[Recognition]:
    """The same, where frames, crops and networks are on a fake GPU; `drivers` are the detector's and the embedder's."""
    engines = painted_engines(people)
    with ExitStack() as opened:
        seeing, knowing = (
            opened.enter_context(on_fake_gpu(opened.enter_context(engine), driver))
            for engine, driver in zip((engines.detector, engines.embedder), drivers, strict=True)
        )
        prepared = _prepared(Engines(seeing, knowing))
        networks = networks_of(config, *prepared)
        there = opened.enter_context(networks_on_gpu(config, networks, *prepared, gpu))
        yield Recognition(_judged(there), gpu=gpu)


def _prepared(engines: Engines) -> tuple[Prepared, Prepared]:
    """As the catalogue describes the product's own."""
    catalogue = read_catalogue(CATALOGUE_FILE)
    return (
        Prepared(catalogue.model("centerface"), engines.detector, None),
        Prepared(catalogue.model("facenet-20180408"), engines.embedder, None),
    )


def _judged(networks: Networks) -> Networks:
    """Every painted face is a good one."""
    return replace(networks, judge=judge, parts=no_parts)
