"""`demo`: from nothing to named people in a recording, and a check that they are the right ones."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.commands.context import (
    ConfigOption,
    Context,
    DataOption,
    DebugOption,
    JsonOption,
    SetOption,
    make_context,
    make_folder,
)
from pipeline.commands.thresholds import naming

if TYPE_CHECKING:
    from pipeline.assemble.recognition import Recognition
    from pipeline.commands.casting import Cast
    from pipeline.commands.script_check import Comparison
    from pipeline.gallery.memory.replica import Replica

CAMERA = "lobby"

DIFFERS = 3
"""exit code where the sightings are not the script's"""

ABOUT = (
    "Obama is enrolled from a photo in which he speaks, half turned. The recording",
    "shows him in others, at last half hidden. There is one photo of Biden: it is",
    "enrolled, and plays mirrored, scaled and relit. The stranger is an astronaut,",
    "Eileen Collins, whom the gallery does not know.",
)

LEGEND = (
    "distance: from 0, the same image, to 4, the opposite; a name is given below {limit:.2f}",
    "margin: how much farther the second person of the gallery is",
    "(for an unknown face, those of the person who is nearest all the same)",
)

OutOption = Annotated[Path, typer.Option("--out", metavar="OUT.mp4", help="The video with boxes and names.")]


def demo(
    out: OutOption = Path("demo.mp4"),
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Fetch models and photos, film a lobby, enroll two people, and see who is recognised.

    The recording and the demo's own gallery are kept in demo/ of the data folder; your gallery is not touched.
    Events are published as a replay's. A second run needs no network.

    Example: python run_pipeline.py demo
    """
    raise typer.Exit(run_demo(make_context(config, data, set_, json_, debug), out))


def run_demo(context: Context, out: Path) -> int:
    """The whole demo; returns the exit code. Raises what fetching, filming, enrolling and replaying raise."""
    from pipeline.assemble.gallery import load_gallery, open_store
    from pipeline.assemble.recognition import open_recognition
    from pipeline.capture.recorder import check_path
    from pipeline.commands.casting import enroll_cast, fetch_cast
    from pipeline.commands.output import model_progress
    from pipeline.demo.play import ENROLLED

    check_path(out)  # better now than after the replay
    own = own_stage(context)
    with model_progress(context) as on_progress:
        cast = fetch_cast(context.models, on_progress)
        recognition = open_recognition(context.config, context.models, on_progress)
    with recognition:
        recording = film_once(own, cast)
        with open_store(own.config, own.data) as store:
            enroll_cast(own, store, recognition, cast, ENROLLED)
            gallery = load_gallery(own.config, store, recognition)
        for line in ABOUT:
            context.say(line)
        return replay_and_check(context, recording, recognition, gallery, out)


def own_stage(context: Context) -> Context:
    """A context whose data folder and gallery are the demo's own. Raises OutsideError."""
    from config.schema import Gallery

    folder = context.data / "demo"
    make_folder(folder)
    return replace(context, data=folder, config=context.config.model_copy(update={"gallery": Gallery()}))


def film_once(own: Context, cast: Cast) -> Path:
    """The recording, made if it is not there or was made differently. Raises OutsideError, SourceError."""
    from pipeline.demo.filming import RECORDING, film, is_filmed, recipe_of
    from pipeline.demo.play import PLAY

    shown = [figure.photo for figure in PLAY.figures]
    recipe = recipe_of(PLAY, [cast.photos[name].sha256 for name in shown])
    path = own.data / RECORDING
    if is_filmed(own.data, recipe):
        return path
    own.say(f"filming {path}: {PLAY.duration_s:.0f} s, {PLAY.width}x{PLAY.height}, {PLAY.rate} fps")
    with own.progress() as bars:
        task = bars.add_task("filming", total=PLAY.frames)
        return film(PLAY, cast.read(shown), own.data, recipe, lambda done: bars.update(task, completed=done))


def replay_and_check(
    context: Context, recording: Path, recognition: Recognition, gallery: Replica, out: Path
) -> int:
    """Replay the recording, print who is seen as sightings close, write the video, and compare with the script."""
    from pipeline.assemble.publishing import redis_sink
    from pipeline.commands.output import EventPrinter, Tally
    from pipeline.commands.replaying import (
        ReplayRequest,
        annotate_recording,
        open_recordings,
        play,
        say_how_it_went,
    )
    from pipeline.commands.script_check import compare
    from pipeline.commands.sightings import SightingTable
    from pipeline.demo.play import PLAY
    from pipeline.events.trace import Trace
    from pipeline.gallery.memory.pinned import PinnedGallery

    rule = naming(context.config, context.data, gallery.own_pairs)
    request = ReplayRequest(videos=(f"{CAMERA}={recording}",))
    trace, tally = Trace(CAMERA), Tally()
    with ExitStack() as stack:
        recordings = open_recordings(context, request, stack, recognition.gpu)
        table = SightingTable(context, {one.source.camera: one.info.started_at for one in recordings})
        shown = [table, EventPrinter(context)] if context.json else [table]
        sinks = [redis_sink(context.config, context.data), *shown, tally]
        pinned = PinnedGallery(gallery, rule.max_distance)
        played = play(context, recordings, recognition, pinned, sinks, [trace], realtime=False)
    if not context.json:
        for line in LEGEND:
            context.print(line.format(limit=rule.max_distance))
    say_how_it_went(context, played, tally)
    if played.exit_code:
        return played.exit_code
    annotate_recording(context, request, trace, out)
    comparison = compare(PLAY.visits(context.config.sightings.gap_s), table.sightings)
    say_verdict(context, comparison, out)
    return DIFFERS if comparison.differences else 0


def say_verdict(context: Context, comparison: Comparison, out: Path) -> None:
    """Whether the sightings are the script's, where the video lies, and what to try next."""
    verdict = f"as the script has it: {comparison.right} of {comparison.expected}"
    lines = [verdict, *comparison.differences, f"the video with boxes and names: {out}"]
    if not comparison.differences:
        lines += ["try next:", *(f"  {command}" for command in next_commands())]
    for line in lines:
        if context.json:
            context.say(line)
        else:
            context.print(line)


def next_commands() -> tuple[str, ...]:
    """Three commands to go on with."""
    python = Path(sys.executable)
    if python.is_relative_to(Path.cwd()):
        python = python.relative_to(Path.cwd())
    run = f"{python} run_pipeline.py"
    return (
        f'{run} enroll "Your Name" photo.jpg',
        f"{run} replay your_video.mp4 --annotate seen.mp4",
        f"{run} subscribe --replay --since 0",
    )
