"""What each live camera is asked for, where the stages look it up."""

from __future__ import annotations

import threading

from config.cameras import Camera
from config.schema import Config
from pipeline.assemble.pace import Pace
from pipeline.capture.live.live_options import LiveOptions
from pipeline.capture.live.open_source import open_source
from pipeline.detection.rules import CameraRules
from pipeline.runtime.worker import FrameSource


class CameraSettings:
    """Keeps the stages' rules and lists as the cameras file has them. Safe on any thread."""

    def __init__(self, config: Config, pace: Pace) -> None:
        self._config = config
        self._pace = pace
        self._lock = threading.Lock()
        self._lists: dict[str, frozenset[str]] = {}

    def put(self, camera: Camera) -> None:
        """Ask this of the camera from its next frame on."""
        self._pace.rules.put(camera.id, rules_of(self._config, camera))
        with self._lock:
            self._lists = {**self._lists, camera.id: frozenset(camera.watchlists)}

    def remove(self, camera: str) -> None:
        """The camera is gone."""
        self._pace.rules.remove(camera)
        self._pace.admission.forget(camera)
        with self._lock:
            self._lists = {name: lists for name, lists in self._lists.items() if name != camera}

    def lists_of(self, camera: str) -> frozenset[str]:
        """The watchlists whose people are searched; none: everybody."""
        return self._lists.get(camera, frozenset())


def rules_of(config: Config, camera: Camera) -> CameraRules:
    """The camera's own rules; what it leaves open is as the configuration says."""
    detection = config.detection
    return CameraRules(
        rate_hz=detection.rate_hz if camera.rate_hz is None else camera.rate_hz,
        min_face_px=detection.min_face_px if camera.min_face_px is None else camera.min_face_px,
        region=camera.region,
        mask=camera.mask,
    )


def source_of(config: Config, camera: Camera) -> FrameSource:
    """The camera as a source, not yet connected. Raises SourceError."""
    keys = config.capture
    options = LiveOptions(
        transport=camera.transport,
        rotate=camera.rotate,
        connect_timeout_s=keys.connect_timeout_s,
        read_timeout_s=keys.read_timeout_s,
        max_backoff_s=keys.max_backoff_s,
        park_after_s=keys.park_after_s,
        threads=config.runtime.decoder_threads,
    )
    return open_source(camera.url.reveal(), camera.id, options)
