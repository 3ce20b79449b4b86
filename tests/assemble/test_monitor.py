"""A monitor that is asked before its models are loaded."""

from __future__ import annotations

import pytest

from config.schema import Config
from engines.backends.choose import EngineChoice
from pipeline.assemble.monitor import Monitor
from pipeline.errors import OutsideError


def test_while_it_starts_no_sighting_is_said_not_to_be() -> None:
    monitor = Monitor(
        Config(), "0.1", EngineChoice("openvino", "fp32", 1, "a processor", "the only one there is")
    )
    monitor.say("loading the models")
    assert monitor.ready() == "loading the models"
    with pytest.raises(OutsideError, match=r"^the monitor is loading the models; ask again after that$"):
        monitor.why("door:k3f9:17")
    assert monitor.metrics() == b""
    monitor.sample()
