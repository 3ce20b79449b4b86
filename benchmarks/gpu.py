"""Everything about the GPU path that can be measured here, as one table, and as JSON.

    python run_pipeline.py bench gpu --out gpu.json     on a machine with a GPU; twenty minutes, most of it building
    python run_pipeline.py bench gpu --rehearse         on a fake GPU: every row runs, and no figure means anything

Each row is a JSON line when it is there, and the table comes last, on standard error. A row that cannot be measured
says why. Without a GPU nothing is measured: one line, exit code 3. Only what a row needs is imported by it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks._gpu_here import Here
from benchmarks._gpu_rows import Row, Table
from engines.backends.cuda.gpus import Gpu, gpus_here

GROUPS = ("kernels", "networks", "streams")
NO_GPU = 3
"""exit code: something outside is missing"""


def main(argv: Sequence[str]) -> int:
    """Print the rows; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="run_pipeline.py bench gpu",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--gpu", type=int, default=0, help="which, by index")
    parser.add_argument("--out", type=Path, help="also write all rows here, as one JSON document")
    parser.add_argument("--video", type=Path, help="default: the opera of FACESTREAM_TEST_DATA")
    parser.add_argument("--runs", type=int, default=30, help="calls a round; three rounds, medians count")
    parser.add_argument("--only", choices=GROUPS, action="append", help="may be given again")
    parser.add_argument("--rehearse", action="store_true", help="on a fake GPU, one call a round")
    args = parser.parse_args(argv)
    gpus = gpus_here()
    known = [gpu for gpu in gpus.gpus if gpu.index == args.gpu]
    if not known and not args.rehearse:
        there = "; ".join(map(str, gpus.gpus)) or gpus.reason
        sys.stderr.write(f"bench gpu: no GPU {args.gpu}: {there}; --rehearse runs every row on a fake one\n")
        return NO_GPU
    gpu = Gpu(0, "fake GPU, figures mean nothing", "9.0", 8 << 30) if args.rehearse else known[0]
    models = Path(os.environ.get("FACESTREAM_MODELS") or Path(__file__).resolve().parents[1] / "models")
    here = Here(gpu, models, args.rehearse, 1 if args.rehearse else args.runs)
    table = Table()
    table.add(Row("machine", str(gpu), "GiB", gpu.memory_bytes / 2**30, reason=os.uname().machine))
    for group in args.only or GROUPS:
        table.measure(group, group, "", _group(group, table, here, args.video or default_video()))
    sys.stderr.write(table.text())
    if args.out is not None:
        args.out.write_text(
            json.dumps([asdict(row) for row in table.rows], indent=1) + "\n", encoding="utf-8"
        )
    return 0


def default_video() -> Path | None:
    """A real recording, where the environment says that there is one."""
    folder = os.environ.get("FACESTREAM_TEST_DATA")
    return None if folder is None else Path(folder) / "video" / "opera_1080p.mp4"


def _group(name: str, table: Table, here: Here, video: Path | None) -> Callable[[], Sequence[Row]]:
    """What adds a group's rows; its own imports may fail, and then the group says why."""

    def run() -> Sequence[Row]:
        if name == "kernels":
            from benchmarks._gpu_kernels import kernel_rows

            kernel_rows(table, here)
        elif name == "networks":
            from benchmarks._gpu_networks import network_rows

            network_rows(table, here)
        else:
            from benchmarks._gpu_streams import stream_rows

            stream_rows(table, here, video)
        return ()

    return run


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
