"""`evaluate clusters`: do groups of unknown faces agree with the people they show?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
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
)
from pipeline.commands.evaluations.options import ImagesOption, WithoutOption
from pipeline.errors import BadInputError

if TYPE_CHECKING:
    from engines.evaluation.clustering import Agreement, ClusterQuality
    from engines.evaluation.face_set import FaceSet


@dataclass(frozen=True, slots=True)
class Row:
    """One linkage at one threshold."""

    linkage: str
    threshold: float
    """squared L2"""
    best: bool
    """whether the threshold was chosen with the answers at hand"""
    quality: ClusterQuality


def clusters(
    images: ImagesOption,
    min_photos: Annotated[
        int, typer.Option("--min-photos", min=1, help="Only people with so many photos.")
    ] = 1,
    without: WithoutOption = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="All linkages, and each where it suits this set best.")
    ] = False,
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Group the faces of known people as `cluster` groups unknown ones, and count what came together rightly.

    Example: python run_pipeline.py evaluate clusters --images ytf_frames.tar
    """
    from engines.evaluation.lfw_pairs import read_pairs
    from pipeline.capture.photo_set import open_photo_set
    from pipeline.commands.cluster import clustering_distance
    from pipeline.commands.evaluations.faces import describe_sets

    context = make_context(config, data, set_, json_, debug)
    left_out = frozenset() if without is None else read_pairs(without).people
    photo_set = open_photo_set(images)
    clustering_distance(context, len(photo_set.entries))  # says what is missing before the work
    (faces,) = describe_sets(context, photo_set)
    run_clusters(context, chosen(faces.without(left_out), min_photos), compare=compare)


def chosen(faces: FaceSet, min_photos: int) -> FaceSet:
    """Faces that were found, of people who have so many. Raises BadInputError below two."""
    found = [row for row, seen in enumerate(faces.found.tolist()) if seen]
    photos = Counter(faces.people[row] for row in found)
    rows = [row for row in found if photos[faces.people[row]] >= min_photos]
    if len(rows) < 2:
        raise BadInputError(
            f"{len(rows)} faces of people with {min_photos} or more photos; there is nothing to group"
        )
    return faces.take(rows)


def run_clusters(context: Context, faces: FaceSet, *, compare: bool) -> None:
    """Group and print: with --json a line a grouping, then one object of the configured one."""
    from pipeline.commands.cluster import clustering_distance
    from pipeline.gallery.clusters import LINKAGES

    keys = context.config.clustering
    threshold = clustering_distance(context, len(faces))
    rows = [grouped(faces, keys.linkage, threshold)]
    if compare:
        rows += [grouped(faces, linkage, threshold) for linkage in LINKAGES if linkage != keys.linkage]
        rows += [grouped_best(faces, linkage) for linkage in LINKAGES]
    if context.json:
        for row in rows:
            context.print_json(document(row))
        context.print_json(document(rows[0]))
    else:
        print_table(context, rows)


def grouped(faces: FaceSet, linkage: str, threshold: float) -> Row:
    """As the product groups them."""
    from engines.evaluation.clustering import cluster_quality
    from pipeline.gallery.clusters import LINKAGES, group_faces

    (kind,) = (each for each in LINKAGES if each == linkage)
    groups = group_faces(faces.vectors, threshold, kind)
    return Row(linkage, threshold, best=False, quality=cluster_quality(faces.person_numbers, groups))


def grouped_best(faces: FaceSet, linkage: str) -> Row:
    """At the threshold with the best B-cubed F on this very set: no promise, but what the linkage could do."""
    from engines.evaluation.clustering import best_cut

    cut = best_cut(faces.vectors, faces.person_numbers, linkage)
    return Row(linkage, cut.threshold, best=True, quality=cut.quality)


def document(row: Row) -> dict[str, object]:
    """The JSON line of a grouping."""
    found = row.quality
    return {
        "linkage": row.linkage,
        "threshold": round(row.threshold, 4),
        "threshold_from": "this set" if row.best else "configuration",
        "faces": found.faces,
        "people": found.people,
        "clusters": found.groups,
        "whole_people": found.whole_people,
        **rates("pairwise", found.pairwise),
        **rates("b_cubed", found.b_cubed),
    }


def rates(name: str, agreement: Agreement) -> dict[str, object]:
    """Three keys."""
    return {
        f"{name}_precision": round(agreement.precision, 4),
        f"{name}_recall": round(agreement.recall, 4),
        f"{name}_f": round(agreement.f, 4),
    }


def print_table(context: Context, rows: Sequence[Row]) -> None:
    """A row a grouping."""
    from rich.table import Table

    found = rows[0].quality
    context.print(f"{found.faces:,} faces of {found.people:,} people, the central one of each photo")
    table = Table(
        *("linkage", "threshold", "clusters", "whole people", "pairs: P", "R", "F", "B-cubed: P", "R", "F")
    )
    for row in rows:
        pairs, cubed = row.quality.pairwise, row.quality.b_cubed
        table.add_row(
            row.linkage,
            f"{row.threshold:.2f}" + (", best here" if row.best else ""),
            f"{row.quality.groups:,}",
            f"{row.quality.whole_people:,}",
            *(f"{each:.3f}" for each in (pairs.precision, pairs.recall, pairs.f)),
            *(f"{each:.3f}" for each in (cubed.precision, cubed.recall, cubed.f)),
        )
    context.print(table)
