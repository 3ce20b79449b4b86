"""`cluster`: which photos of unknown people show the same person?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.commands.cluster_report import (
    Grouping,
    PhotoFace,
    SeenPhotos,
    UnreadablePhoto,
    report,
    write_groups,
)
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
from pipeline.errors import SourceError

if TYPE_CHECKING:
    from pipeline.gallery.recogniser import Recogniser

UNREADABLE = 2


def cluster(
    photos: Annotated[
        list[Path],
        typer.Argument(metavar="FOLDER...", parser=path_given, help="Folders of photos, or photos."),
    ],
    central: Annotated[
        bool, typer.Option("--central", help="Only the face that a photo is of: large and near its middle.")
    ] = False,
    sheet: Annotated[
        Path | None,
        typer.Option("--sheet", metavar="OUT.html", parser=path_given, help="Write a page with the faces."),
    ] = None,
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Group the faces of photos by person, whoever they are. Exit code 2 when a photo could not be read.

    Nothing is kept of the faces but what --sheet writes.

    Example: python run_pipeline.py cluster holiday/ --sheet people.html
    """
    from pipeline.assemble.recognition import open_recognition
    from pipeline.commands.contact_sheet import check_sheet
    from pipeline.commands.given_photos import given_photos
    from pipeline.commands.output import model_progress

    context = make_context(config, data, set_, json_, debug, make_data=False)
    if sheet is not None:
        check_sheet(sheet)
    paths = given_photos(context, photos)
    clustering_distance(context, len(paths))  # says what is missing before the work and not after it
    with (
        model_progress(context) as on_progress,
        open_recognition(context.config, context.models, on_progress) as recognition,
    ):
        code = run_cluster(context, paths, recognition, central=central, sheet=sheet)
    raise typer.Exit(code)


def run_cluster(
    context: Context,
    paths: Sequence[Path],
    recogniser: Recogniser,
    *,
    central: bool = False,
    sheet: Path | None = None,
) -> int:
    """Read the photos, group their faces, print the groups; the exit code.

    A photo that cannot be read does not stop the others. Raises BadInputError for more faces than can be grouped,
    OutsideError where the sheet cannot be written.
    """
    import numpy as np

    from pipeline.gallery.clusters import check_faces, group_faces

    keys = context.config.clustering
    seen, photos = SeenPhotos(), 0
    with context.progress() as bars:
        for path in bars.track(paths, description="looking"):
            try:
                faces = look(path, recogniser, central=central, pictures=sheet is not None)
            except SourceError as error:
                context.say(str(error))
                seen.unreadable.append(UnreadablePhoto(path, str(error)))
                continue
            photos += 1
            seen.faces.extend(faces)
            if not faces:
                seen.faceless.append(path)
            check_faces(len(seen.faces))
    clear = [face for face in seen.faces if face.quality >= context.config.embedding.min_quality]
    threshold = clustering_distance(context, len(clear))
    vectors = (
        np.stack([face.vector for face in clear])
        if clear
        else np.zeros((0, recogniser.dimension), np.float32)
    )
    numbers = group_faces(vectors, threshold, keys.linkage)
    grouping = Grouping.of(photos, seen, clear, numbers.tolist(), threshold, keys.linkage)
    if sheet is not None:
        write_groups(sheet, grouping)
    report(context, grouping)
    return UNREADABLE if seen.unreadable else 0


def look(path: Path, recogniser: Recogniser, *, central: bool, pictures: bool) -> tuple[PhotoFace, ...]:
    """The faces of one photo, from left to right. Raises SourceError."""
    import numpy as np

    from pipeline.capture.photo import read_photo
    from pipeline.commands.contact_sheet import thumbnail
    from pipeline.gallery.recogniser import central_face
    from pipeline.geometry import fraction_box

    image = read_photo(path)
    height, width = image.shape[:2]
    faces = recogniser.detect(image)
    if not len(faces):
        return ()
    if central:
        faces = faces.take(np.array([central_face(faces, width, height)]))
    faces = faces.take(np.lexsort((faces.boxes[:, 1], faces.boxes[:, 0])))
    described = recogniser.describe(image, faces)
    return tuple(
        PhotoFace(
            path,
            number,
            fraction_box(box, width, height),
            float(quality),
            vector,
            thumbnail(image, box) if pictures else b"",
        )
        for number, (box, quality, vector) in enumerate(
            zip(faces.boxes, described.quality, described.vectors, strict=True), 1
        )
    )


def clustering_distance(context: Context, faces: int) -> float:
    """Below which distance groups of so many faces are merged. Raises BadInputError, CatalogueError."""
    from pipeline.commands.thresholds import needed_strangers
    from pipeline.gallery.clusters import false_match_rate

    keys = context.config.clustering
    if keys.max_distance is not None:
        return keys.max_distance
    strangers = needed_strangers(context.config, context.data, "clustering.max_distance")
    return round(strangers.distance_at(false_match_rate(keys.max_fpir, faces)), 4)
