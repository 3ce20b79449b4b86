"""`evaluate`: the protocols that a recognition system is measured by, on data sets of real people."""

from __future__ import annotations

import typer

from pipeline.commands.app import HELP, Entry

PACKAGE = "pipeline.commands.evaluations"

ENTRIES = (
    Entry("lfw", "1:1: Labeled Faces in the Wild, View 2.", PACKAGE),
    Entry("identification", "1:N, open set: who is missed, who is named wrongly.", PACKAGE),
    Entry("tracks", "Videos against videos: one frame, and several fused.", PACKAGE),
    Entry("robustness", "Compressed, small, blurred, dark, covered, turned faces.", PACKAGE),
    Entry("quality", "Error as the worst photos are rejected.", PACKAGE),
    Entry("sightings", "Names given, right, wrong, missed, withdrawn in video.", PACKAGE),
    Entry("clusters", "Unknown photos grouped by person.", PACKAGE),
    Entry("strangers", "Ids that unknown people get as they pass again.", PACKAGE),
)

evaluate = typer.Typer(
    name="evaluate",
    help="Measure accuracy by published protocols.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings=HELP,
    epilog="Example: python run_pipeline.py evaluate lfw --images lfw.tar --pairs pairs.txt",
)
