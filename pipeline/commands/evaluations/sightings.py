"""`evaluate sightings`: names given, right, wrong, missed and withdrawn in clips, per sighting."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
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
    path_given,
)
from pipeline.errors import BadInputError

if TYPE_CHECKING:
    from pipeline.assemble.recognition import Recognition
    from pipeline.commands.evaluations.clip_gallery import EnrolledPerson
    from pipeline.commands.evaluations.clip_report import Group
    from pipeline.commands.evaluations.clip_truth import Truth
    from pipeline.commands.evaluations.clip_watching import Watching
    from pipeline.gallery.memory.replica import Replica


@dataclass(frozen=True, slots=True)
class Filmed:
    """The clips and what is known of them."""

    truth: Truth
    videos: Path
    photos: Path


@dataclass(frozen=True, slots=True)
class Distractors:
    """Others who are enrolled too, so that a wrong name has a chance."""

    source: Path | None
    counts: tuple[int, ...]
    """galleries to try, besides the one without them"""
    seed: int


def sightings(
    truth: Annotated[
        Path,
        typer.Option(
            "--truth", metavar="FILE", parser=path_given, help="Who is seen where: benchmarks/clips.yaml."
        ),
    ],
    videos: Annotated[
        Path, typer.Option("--videos", metavar="DIR", parser=path_given, help="Folder of the clips.")
    ],
    photos: Annotated[
        Path,
        typer.Option(
            "--photos", metavar="DIR", parser=path_given, help="Folder of the photos to enroll from."
        ),
    ],
    distractors: Annotated[
        Path | None,
        typer.Option(
            "--distractors",
            metavar="SET",
            parser=path_given,
            help="Folder or tar archive of other people's photos, enrolled as well.",
        ),
    ] = None,
    distractor_count: Annotated[
        list[int] | None,
        typer.Option("--distractor-count", metavar="N", min=1, help="How many of them; repeatable."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Draws the distractors.")] = 0,
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Run clips with people enrolled and not, and count the names given, right, wrong, missed and withdrawn.

    First everybody of the truth file is enrolled; then each of them is left out, when any name for them is wrong.
    With distractors both are done again in larger galleries. Nothing is written but descriptions of the set.

    Example: python run_pipeline.py evaluate sightings --truth benchmarks/clips.yaml --videos clips --photos people
    """
    from pipeline.assemble.recognition import open_recognition
    from pipeline.commands.evaluations.clip_truth import read_truth
    from pipeline.commands.output import model_progress

    others = distractors_given(distractors, distractor_count, seed)
    context = make_context(config, data, set_, json_, debug)
    filmed = Filmed(read_truth(truth, videos, photos), videos, photos)
    with (
        model_progress(context) as on_progress,
        open_recognition(context.config, context.models, on_progress) as recognition,
    ):
        run_sightings(context, recognition, filmed, others)


def distractors_given(source: Path | None, counts: Sequence[int] | None, seed: int) -> Distractors:
    """The options together. Raises BadInputError where one lacks the other."""
    if (source is None) != (not counts):
        missing = "--distractors SET" if source is None else "--distractor-count N"
        raise BadInputError(
            f"--distractors and --distractor-count belong together; give {missing} too, or neither"
        )
    return Distractors(source, tuple(sorted(set(counts or ()))), seed)


def run_sightings(context: Context, recognition: Recognition, filmed: Filmed, others: Distractors) -> None:
    """Run every condition and print what was counted. Raises what clips, photos and the set raise."""
    from pipeline.commands.evaluations.clip_gallery import enroll_truth
    from pipeline.commands.evaluations.clip_report import print_json, print_tables

    people = enroll_truth(context, recognition, filmed.truth, filmed.videos, filmed.photos)
    strangers = drawn_distractors(context, recognition, filmed.truth, others)
    quick = remembering(recognition)
    groups: list[Group] = []
    looked_for = [who for who in filmed.truth.enrolled if filmed.truth.clips_of(who)]
    sizes = (0, *others.counts)
    with context.progress() as bars:
        task = bars.add_task("watching", total=len(sizes) * (1 + len(looked_for)))
        for size in sizes:
            for group in conditions(context, quick, filmed, people, strangers[:size], looked_for):
                bars.advance(task, group.runs)
                groups.append(group)
    if context.json:
        print_json(context, groups)
    else:
        print_tables(context, groups)


def remembering(recognition: Recognition) -> Recognition:
    """The same networks, with a detector that looks at every picture once: each clip is run many times."""
    from pipeline.assemble.recognition import Recognition
    from pipeline.commands.evaluations.clip_memory import RememberingDetector
    from pipeline.detection.look import FrameDetector

    networks = recognition.networks
    # A detector of images sees whole frames, also when it is asked through one that remembers.
    regions_pay = networks.regions_pay and isinstance(networks.detector, FrameDetector)
    detector = RememberingDetector(networks.detector)
    return Recognition(replace(networks, detector=detector, frame_detector=None, regions_pay=regions_pay))


def drawn_distractors(
    context: Context, recognition: Recognition, truth: Truth, others: Distractors
) -> tuple[EnrolledPerson, ...]:
    """As many as the largest gallery wants. Raises BadInputError, SourceError, OutsideError."""
    from pipeline.capture.photo_set import open_photo_set
    from pipeline.commands.evaluations.clip_gallery import distractors_of
    from pipeline.commands.evaluations.faces import describe_set

    if others.source is None:
        return ()
    faces = describe_set(context, recognition, open_photo_set(others.source))
    min_quality = context.config.enrolment.min_quality
    return distractors_of(faces, max(others.counts), min_quality, others.seed, but=truth.enrolled)


def conditions(
    context: Context,
    recognition: Recognition,
    filmed: Filmed,
    people: Sequence[EnrolledPerson],
    distractors: Sequence[EnrolledPerson],
    looked_for: Sequence[str],
) -> Iterator[Group]:
    """Everybody enrolled: their sightings, and those of strangers; then everybody left out in turn."""
    from pipeline.commands.evaluations.clip_report import Group, Kind

    def seen_by(known: Sequence[EnrolledPerson], clips: Sequence[str]) -> Watching:
        from pipeline.commands.evaluations.clip_watching import watch

        gallery = _gallery(context, recognition, [*known, *distractors])
        names = frozenset(one.name for one in known)
        return watch(context, recognition, gallery, filmed.truth, filmed.videos, clips, names)

    everybody = seen_by(people, tuple(filmed.truth.clips))
    size = len(people) + len(distractors)
    known = tuple(one for one in everybody.sightings if one.judged.enrolled)
    unseen = tuple(one for one in everybody.unseen if one.who in filmed.truth.enrolled)
    yield Group(Kind.ENROLLED, len(distractors), size, known, unseen, runs=1)
    strangers = tuple(one for one in everybody.sightings if not one.judged.enrolled)
    yield Group(Kind.STRANGERS, len(distractors), size, strangers, (), runs=0)
    left_out = []
    for who in looked_for:
        without = seen_by([one for one in people if one.name != who], filmed.truth.clips_of(who))
        left_out += [one for one in without.sightings if one.judged.person == who]
    yield Group(Kind.LEFT_OUT, len(distractors), size - 1, tuple(left_out), (), runs=len(looked_for))


def _gallery(context: Context, recognition: Recognition, people: Sequence[EnrolledPerson]) -> Replica:
    from pipeline.commands.evaluations.clip_gallery import gallery_of

    return gallery_of(people, context.config.matching.index, recognition.dimension)
