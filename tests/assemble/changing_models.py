"""Runs of painted people whose model is changed while they go on: embedders as fakes, and what watches them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from config.schema import Config
from engines.backends.fake import FakeEngine, fake_embedder
from engines.errors import BackendError
from engines.zoo.catalogue import Catalogue
from engines.zoo.description import InputFormat, ModelDescription, ModelFile
from pipeline.alignment.crop import CropRule
from pipeline.assemble.embedders import Eye, Eyes
from pipeline.assemble.gallery import AnyGallery, open_gallery
from pipeline.assemble.left_behind import LeftBehindFinder
from pipeline.assemble.model_following import ModelFollower, Wanted
from pipeline.assemble.recognition import Networks, Recognition
from pipeline.assemble.run import RunPlan, build_run
from pipeline.assemble.serving import ServedModels
from pipeline.capture.synthetic import Actor, Colour, SyntheticScene, SyntheticSource
from pipeline.embedding.embedder import Embedder
from pipeline.events.event import EventType, IdentityEvent, Mode
from pipeline.events.memory_sink import MemorySink
from pipeline.gallery.memory.following import Derive
from pipeline.gallery.memory.left_behind_search import Scale
from pipeline.gallery.sightings.stranger_book import Reach
from pipeline.gallery.storage.records import NewTemplate
from pipeline.gallery.storage.store import Store
from pipeline.runtime.worker import WorkerHook
from pipeline.types import Embedded, Matched
from tests.colour_people import ColourDetector, judge

ANN, BOB = (220, 40, 40), (40, 220, 40)
CONFIG = Config.model_validate(
    {"detection": {"rate_hz": 12.5, "min_face_px": 20}, "gallery": {"follow_s": 0.02}}
)
SIDES = {"one": 16, "two": 24, "three": 16}
DIMENSIONS = {"one": 64, "two": 48, "three": 32}
"""vectors of two models cannot even be multiplied"""
LIMITS = {"one": 0.85, "two": 0.8, "three": 0.75}
FRAMES = 240
SCENE = SyntheticScene(
    (Actor(ANN, (10, 60, 70, 130)), Actor(BOB, (110, 60, 170, 130))), frames=FRAMES, width=240
)
"""Ann and Bob stay for as long as the recording lasts"""
WAIT_S = 30.0


def described(model: str) -> ModelDescription:
    return ModelDescription(
        name=model,
        role="embedding",
        model_id=f"{model}-1",
        network="onnx",
        licence="none",
        terms="made by a test",
        path=Path("none.onnx"),
        files=(ModelFile(name="none.onnx", sha256="0" * 64),),
        input=InputFormat(side_px=SIDES[model]),
        dimension=DIMENSIONS[model],
    )


@dataclass
class Opened:
    """Opens embedders that know people by their colours, a width of vectors each, and remembers what it opened."""

    broken: set[str] = field(default_factory=set)
    engines: list[FakeEngine] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)

    def __call__(self, model: str) -> Eye:
        if model in self.broken:
            raise BackendError(f"{model} has no memory")
        engine = fake_embedder(SIDES[model], DIMENSIONS[model])
        engine.open()
        self.engines.append(engine)
        self.opened.append(model)

        def close() -> None:
            if engine._is_open:
                self.closed.append(model)
            engine.close()

        detector = ColourDetector((ANN, BOB))
        embedder = Embedder(engine, f"{model}-1", 4)
        networks = Networks(
            *(detector, detector, embedder, CropRule(SIDES[model], 0, 0), judge), close_embedder=close
        )
        return Eye(model, Recognition(networks))


class Rules:
    """Distances that tell which model they are of."""

    def config_of(self, model: str) -> Config:
        return CONFIG

    def derive(self, model: str) -> Derive:
        return lambda own: LIMITS[model]

    def reach(self, model: str) -> Reach:
        return lambda comparisons: 0.5

    def scale(self, older: str, serving: str) -> Scale:
        return lambda distance: distance


def template(eye: Eye, colour: Colour) -> NewTemplate:
    side = eye.recognition.networks.crop.size_px
    vector = eye.recognition.networks.embedder.embed(np.full((1, side, side, 3), colour, np.uint8))[0]
    return NewTemplate(eye.recognition.model_id, vector, 0.9, "painted", f"{colour[0]:064}")


def enrol(store: Store, name: str, colour: Colour, *models: str) -> None:
    for model in models:
        eye = Opened()(model)
        store.enroll(name, [template(eye, colour)])
        eye.close()


class Clock:
    """Stands until it is moved."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@contextmanager
def following(
    store: Store, data: Path, opens: Opened, clock: Clock, *, follow: bool = True, first: str = "one"
) -> Iterator[ModelFollower]:
    """What follows the gallery's models; runs begin with the first."""
    eyes = Eyes(opens(first), opens)

    @contextmanager
    def gallery_of(eye: Eye) -> Iterator[AnyGallery]:
        derive = Rules().derive(eye.model)
        with open_gallery(CONFIG, store, eye.recognition, data, derive, follow=True) as gallery:
            yield gallery

    catalogue = Catalogue(tuple(described(model) for model in SIDES), Path("models.yaml"))
    finder = LeftBehindFinder(store.database, catalogue, eyes, Rules())
    unswitched = Wanted(first, f"{first}-1")
    with ModelFollower(
        store.database, eyes, gallery_of, finder, follow=follow, unswitched=unswitched, now=clock
    ) as follower:
        yield follower


class Watch(WorkerHook):
    """Notes what passes, and does something once, after so many frames were matched."""

    def __init__(self, do: Sequence[tuple[int, Callable[[], None]]]) -> None:
        self.embedded: list[Embedded] = []
        self.matched: list[Matched] = []
        self.ends: list[Any] = []
        self._do = list(do)

    def after_batch(self, worker: str, batch: Sequence[Any], results: Sequence[Any], seconds: float) -> None:
        if worker == "embed":
            self.embedded += results
        if worker == "match":
            self.matched += results
            while self._do and len(self.matched) >= self._do[0][0]:
                self._do.pop(0)[1]()


def run(
    models: ServedModels, do: Sequence[tuple[int, Callable[[], None]]], cameras: int = 2
) -> tuple[Watch, list[IdentityEvent]]:
    """Films the scene with some cameras, as fast as frames can be looked at, none of which may be dropped."""
    watch, sink = Watch(do), MemorySink()
    sources = [SyntheticSource(SCENE, f"c{number}") for number in range(cameras)]
    runs = {source.camera: source.open().recording_id for source in sources}
    plan = RunPlan(Mode.REPLAY, runs, False, [sink], hooks=(watch,), models=models)
    eye = models.force.served.eye
    with build_run(CONFIG, eye.recognition, models, plan).supervisor as supervisor:
        supervisor.start(sources)
        assert supervisor.wait().complete
    return watch, sink.events


def check(watch: Watch, events: Sequence[IdentityEvent], cameras: int = 2) -> None:
    """Every frame came through once and in order, a camera's model never goes back, and sightings are whole."""
    for number in range(cameras):
        of_camera = [one for one in watch.matched if one.info.camera == f"c{number}"]
        assert [one.info.index for one in of_camera] == list(range(FRAMES))
        models = [one.gallery.model_id for one in of_camera]
        assert sum(a != b for a, b in pairwise(models)) == len(set(models)) - 1
    for item in watch.matched:
        limit = LIMITS[item.gallery.model_id.removesuffix("-1")]
        assert item.gallery.max_distance == limit
        for match in item.matches:
            assert match.model_id == item.gallery.model_id
            assert len(match.template) == DIMENSIONS[match.model_id.removesuffix("-1")]
    # Nobody left: a sighting a person and camera, which begins and ends once.
    told = {(event.camera, event.identity and event.identity.name) for event in events}
    assert told == {(f"c{n}", name) for n in range(cameras) for name in ("Ann", "Bob")}
    for kind in (EventType.NEW, EventType.END):
        assert sum(event.type is kind for event in events) == 2 * cameras


def wait_until(done: Callable[[], bool]) -> bool:
    """Whether this comes true in time."""
    pause = threading.Event()
    for _ in range(int(WAIT_S / 0.01)):
        if done():
            return True
        pause.wait(0.01)
    return False
