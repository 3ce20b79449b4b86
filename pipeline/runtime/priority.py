"""Which threads go first where the cores do not suffice for all."""

from __future__ import annotations

import logging
import os
import sys
import threading

BEHIND = 10
"""steps of nice, of 19 that there are: about a tenth of another thread's share where both want to run. Sixteen 1080p
cameras on two cores are looked at 9 times a second with it, 6 times with 5, and once without (docs/latency.md)"""

log = logging.getLogger(__name__)


def step_behind() -> None:
    """Let this thread run when the others have nothing to do, or nearly; threads that it starts from now on, too.

    On Linux, where threads have priorities of their own; elsewhere nothing happens.
    """
    if sys.platform != "linux":
        return
    thread = threading.get_native_id()
    try:
        os.setpriority(os.PRIO_PROCESS, thread, min(19, os.getpriority(os.PRIO_PROCESS, thread) + BEHIND))
    except OSError as error:  # a container may forbid it; the thread then goes with the others
        log.debug("priority of thread %d stays: %s", thread, error)
