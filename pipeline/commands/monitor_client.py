"""Asking the monitor that runs on a data folder, by HTTP."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING
from urllib.parse import quote

from pipeline.errors import BadInputError, OutsideError
from pipeline.web.announcement import Announcement, find_monitor
from pipeline.web.documents import applied_from_json, status_from_json
from pipeline.web.monitored import CamerasApplied, Explanation, MonitorStatus

if TYPE_CHECKING:
    import httpx

CONNECT_S = 2.0
ANSWER_S = 15.0
"""a little longer than the monitor's server waits for the monitor itself"""


class MonitorGoneError(OutsideError):
    """The monitor has ended, or answers no more."""


class MonitorClient:
    """A connection to a running monitor."""

    def __init__(self, found: Announcement) -> None:
        import httpx

        self.found = found
        self._http = httpx.Client(
            base_url=found.address,
            headers={"Authorization": f"Bearer {found.token}"},
            timeout=httpx.Timeout(ANSWER_S, connect=CONNECT_S),
            trust_env=False,  # a proxy of the environment does not lead to this machine, and is not to see the token
        )

    @property
    def page(self) -> str:
        """The address of the status page with the token behind #, which browsers keep to themselves."""
        return f"{self.found.address}/#token={self.found.token}"

    def status(self) -> MonitorStatus:
        """What is happening. Raises MonitorGoneError, OutsideError."""
        return status_from_json(_right(self._ask("GET", "/status")).content)

    def reload_cameras(self) -> CamerasApplied:
        """Have the cameras file read; what is wrong with it is an answer too. Raises OutsideError."""
        answer = self._ask("POST", "/cameras/reload")
        return applied_from_json((answer if answer.status_code == 409 else _right(answer)).content)

    def why(self, sighting_id: str) -> Explanation | None:
        """What the monitor says of a sighting; None: there is none. Raises MonitorGoneError, OutsideError."""
        if not sighting_id.strip("./"):
            raise BadInputError(f"{sighting_id!r} is no sighting id")
        answer = self._ask("GET", f"/why/{quote(sighting_id, safe='')}")
        if answer.status_code == 404:
            return None
        explanation: Explanation = json.loads(_right(answer).content)
        return explanation

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    def __enter__(self) -> MonitorClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, method: str, path: str) -> httpx.Response:
        import httpx

        try:
            return self._http.request(method, path)
        except httpx.TimeoutException as error:
            raise MonitorGoneError(
                f"the monitor at {self.found.address} (process {self.found.pid}) does not answer; see its log"
            ) from error
        except httpx.HTTPError as error:
            raise MonitorGoneError(f"the monitor at {self.found.address} has ended") from error


def _right(answer: httpx.Response) -> httpx.Response:
    """The answer, if it is one. Raises OutsideError with what the monitor says instead."""
    if answer.status_code == 200:
        return answer
    said = answer.text.strip().splitlines()
    reason = said[0] if said else f"HTTP {answer.status_code}"
    raise OutsideError(f"the monitor says: {reason[:200]}")


def running_monitor(data: Path) -> MonitorClient | None:
    """The monitor that runs on this data folder, None where none does. Raises OutsideError."""
    found = find_monitor(data)
    return None if found is None else MonitorClient(found)


def need_monitor(data: Path) -> MonitorClient:
    """The monitor that runs on this data folder. Raises OutsideError where none does."""
    client = running_monitor(data)
    if client is None:
        raise OutsideError(
            f"no monitor runs on {data}; start one: python run_pipeline.py monitor --data {data}"
        )
    return client
