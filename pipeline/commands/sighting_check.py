"""`calibrate --check SET --videos SET`: strangers who are searched for again and again while a camera sees them.

matching.max_fpir is a rate of searches with one photo. A sighting searches with a template that grows with every
shot, and one of these searches is enough for a name. Here its own rule is held to the rate: the galleries of
`--check`, one photo a person, and every video of somebody who is not enrolled. Shots come in the order of the set.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from pipeline.commands.calibration_check import CheckPlan, Held, drawable_sizes, held_out
from pipeline.commands.context import Context
from pipeline.commands.thresholds import ceiling, four_digits, needed_strangers, percent

if TYPE_CHECKING:
    from config.schema import Config
    from engines.arrays import F32, F64, I64, Bools
    from engines.evaluation.face_set import FaceSet
    from engines.strangers import Strangers
    from pipeline.events.sighting import SightingRules
    from pipeline.gallery.calibration import Calibration
    from pipeline.types import Match

BOOTSTRAP_DRAWS = 1000


@dataclass(frozen=True, slots=True)
class Videos:
    """What a camera's stages make of videos of one face each; a row a shot."""

    people: tuple[str, ...]
    """(V,) whom each video shows"""
    video: I64
    """(S,) of each shot, rising from 0"""
    vectors: F32
    """(S, D) of the shot alone"""
    matches: tuple[Match, ...]
    """(S,) the template of the shots up to this one, not searched with yet"""


@dataclass(frozen=True, slots=True)
class VideoDraw:
    """What one gallery says to the videos, a row each."""

    calibration: Calibration
    strangers: Bools
    """(V,) whether nobody in it is enrolled"""
    frames: F64
    """(V,) share of the single frames nearer than the distance"""
    template: Bools
    """(V,) whether the last template is"""
    named: Bools
    """(V,) whether the sighting ever got a name"""
    kept: Bools
    """(V,) whether it had one at the end"""


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoRow:
    """Galleries of one size; means over the draws, of videos of people who are not enrolled."""

    people: int
    """enrolled"""
    videos: float
    """of strangers"""
    draws: int
    max_distance: float
    """squared L2"""
    promised: float
    frame: float
    """single frames nearer than the distance"""
    template: float
    """videos whose template of all shots is"""
    named: float
    """sightings that ever got a name"""
    named_low: float
    """95 %, the people of the videos drawn anew"""
    named_high: float
    kept: float
    """sightings with a name at the end"""


def run_video_check(context: Context, faces: FaceSet, seen: FaceSet, plan: CheckPlan) -> None:
    """Draw galleries out of `faces`, calibrate each, show it the videos `seen`, and print who got a name.

    Raises EvaluationError where there are too few people, no video of two shots, or nobody who is not enrolled.
    """
    strangers = needed_strangers(context.config, context.data)
    held, videos = held_out(faces), watched(context.config, seen)
    rows = list(check_videos(context, strangers, held, videos, plan))
    if not context.json:
        show(context, rows)
        return
    for row in rows:
        values = asdict(row).items()
        context.print_json(
            {name: four_digits(value) if isinstance(value, float) else value for name, value in values}
        )
    context.print_json(
        {
            "people": len(held.names),
            "videos": len(videos.people),
            "video_people": len(set(videos.people)),
            "shots": len(videos.matches),
            "max_fpir": context.config.matching.max_fpir,
            "statistics": strangers.source,
            "most_times_promised": four_digits(max(row.named / row.promised for row in rows)),
        }
    )


def watched(config: Config, faces: FaceSet) -> Videos:
    """Every video's shots that a camera would embed, and its template after each. Raises EvaluationError.

    Videos with fewer than sightings.min_shots of them are left out: those are single photos.
    """
    import numpy as np

    from engines.errors import EvaluationError
    from pipeline.matching.fusion import Shot, TrackFace
    from pipeline.types import Match

    groups = faces.group_numbers
    good = np.flatnonzero(faces.found & (faces.quality >= config.embedding.min_quality))
    people: list[str] = []
    rows: list[int] = []
    numbers: list[int] = []
    matches: list[Match] = []
    for group in np.unique(groups[good]):
        theirs = good[groups[good] == group].tolist()
        if len(theirs) < config.sightings.min_shots:
            continue
        face = TrackFace(config.matching.best_shots, config.matching.handover_distance)
        for index, row in enumerate(theirs):
            fused = face.add(Shot(faces.vectors[row], float(faces.quality[row]), index))
            evidence = (fused.frames_fused, fused.weight, fused.best_quality)
            matches.append(Match(face.handovers, fused.template, *evidence, candidates=()))
        rows += theirs
        numbers += [len(people)] * len(theirs)
        people.append(faces.people[theirs[0]])
    if not people:
        raise EvaluationError(
            f"--videos: no video has {config.sightings.min_shots} faces that are good enough; give PERSON/VIDEO/FRAME"
        )
    return Videos(tuple(people), np.array(numbers, np.int64), faces.vectors[rows], tuple(matches))


def check_videos(
    context: Context, strangers: Strangers, held: Held, videos: Videos, plan: CheckPlan
) -> Iterator[VideoRow]:
    """A row a size. The galleries are those of `--check` without videos. Raises EvaluationError."""
    import numpy as np

    sizes = drawable_sizes(context, plan.sizes, len(held.names))
    with context.progress() as bars:
        for size in bars.track(sizes, description="drawing galleries"):
            orders = (
                np.random.default_rng((draw, size)).permutation(len(held.names)) for draw in range(plan.draws)
            )
            yield _row(
                [drawn(context, strangers, held, videos, order[:size]) for order in orders], videos, size
            )


def drawn(context: Context, strangers: Strangers, held: Held, videos: Videos, enrolled: I64) -> VideoDraw:
    """One gallery, calibrated, and whom it names. Raises EvaluationError where everybody seen is enrolled."""
    import numpy as np

    from engines.errors import EvaluationError
    from engines.evaluation.verification import distance_matrix
    from pipeline.assemble.run import sighting_rules
    from pipeline.gallery.calibration import calibrated, own_pairs

    config = context.config
    names, gallery = [held.names[person] for person in enrolled], held.vectors[enrolled]
    own = own_pairs(names, gallery)
    made = calibrated(strangers, own, config.matching.max_fpir, ceiling(config, strangers))
    others = ~np.isin(videos.people, names)
    if not others.any():
        raise EvaluationError(
            f"--videos: in a gallery of {len(names)} everybody seen is enrolled; give videos of other people"
        )
    found = searched(videos.matches, names, gallery)
    near = distance_matrix(videos.vectors, gallery).min(axis=1) < made.max_distance
    ends = np.searchsorted(videos.video, np.arange(len(others)), side="right")
    rules = sighting_rules(config, made.max_distance)
    told = [names_given(part, rules) for part in _split(found, ends)]
    return VideoDraw(
        calibration=made,
        strangers=others,
        frames=np.bincount(videos.video, near) / np.bincount(videos.video),
        template=np.array(
            [found[end - 1].candidates[0].distance < made.max_distance for end in ends.tolist()]
        ),
        named=np.array([any(name is not None for name in names) for names in told]),
        kept=np.array([names[-1] is not None for names in told]),
    )


def searched(matches: Sequence[Match], names: Sequence[str], gallery: F32) -> list[Match]:
    """The matches with the two people who are nearest, of a gallery (N, D) with one template a person."""
    import numpy as np

    from engines.evaluation.verification import distance_matrix
    from pipeline.types import Candidate

    distances = distance_matrix(np.stack([match.template for match in matches]), gallery)
    wanted = min(2, len(names))
    nearest = np.argpartition(distances, wanted - 1, axis=1)[:, :wanted]
    found = []
    for match, row, columns in zip(matches, distances, nearest, strict=True):
        people = [Candidate(names[column], names[column], float(row[column])) for column in columns.tolist()]
        found.append(replace(match, candidates=tuple(sorted(people, key=lambda each: each.distance))))
    return found


def names_given(matches: Sequence[Match], rules: SightingRules) -> list[str | None]:
    """Whom a sighting is taken for after each of its searches; another track is another sighting."""
    from pipeline.events.sighting import decided

    given: list[str | None] = []
    named, track = None, None
    for match in matches:
        named = decided(match, named if match.track_id == track else None, rules).identity
        track = match.track_id
        given.append(None if named is None else named.person_id)
    return given


def _split(matches: Sequence[Match], ends: I64) -> Iterator[Sequence[Match]]:
    begin = 0
    for end in ends.tolist():
        yield matches[begin:end]
        begin = end


def _row(draws: Sequence[VideoDraw], videos: Videos, size: int) -> VideoRow:
    import numpy as np

    from engines.evaluation.pair_distances import interval, people_draws

    people, person = np.unique(videos.people, return_inverse=True)
    seen, named = (
        np.sum([np.bincount(person, rows, len(people)) for rows in each], axis=0)
        for each in ([d.strangers for d in draws], [d.strangers & d.named for d in draws])
    )
    again = people_draws(len(people), BOOTSTRAP_DRAWS, seed=0)
    with np.errstate(invalid="ignore"):
        between = interval((again @ named) / (again @ seen))

    def mean(name: str) -> float:
        return float(np.mean([np.mean(getattr(draw, name)[draw.strangers]) for draw in draws]))

    return VideoRow(
        people=size,
        videos=float(np.mean([draw.strangers.sum() for draw in draws])),
        draws=len(draws),
        max_distance=float(np.mean([draw.calibration.max_distance for draw in draws])),
        promised=float(np.mean([draw.calibration.promised_fpir for draw in draws])),
        frame=mean("frames"),
        template=mean("template"),
        named=mean("named"),
        named_low=between.low,
        named_high=between.high,
        kept=mean("kept"),
    )


def show(context: Context, rows: Sequence[VideoRow]) -> None:
    """Print the proof."""
    from rich.table import Table

    table = Table("people", "strangers' videos", "distance", "promised", "one frame", "template")
    for title in ("named", "95 %", "at the end"):
        table.add_column(title)
    for row in rows:
        table.add_row(
            str(row.people),
            f"{row.videos:.0f}",
            f"{row.max_distance:.3f}",
            percent(row.promised),
            percent(row.frame),
            percent(row.template),
            percent(row.named),
            f"{percent(row.named_low)} to {percent(row.named_high)}",
            percent(row.kept),
        )
    context.print(table)
    context.print(
        "one frame, template: nearer than the distance, a single frame and the template of all shots; named: "
        "sightings that ever got a name, by the whole rule and with every template on the way; 95 %: the people of "
        "the videos drawn anew"
    )
