"""The photos of an import, looked at on several threads and described in batches, in the order of their files.

Decoding, cropping and judging run beside each other and beside the embedder; the detector, which takes one photo at a
time, is taken in turns. A photo's pixels are let go before its crop waits for a batch: what is in memory are the
photos being looked at, one a thread, and crops.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from enum import Enum
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from pipeline.errors import SourceError

if TYPE_CHECKING:
    from pipeline.arrays import F32, U8
    from pipeline.assemble.recognition import Recognition
    from pipeline.gallery.enroll import EnrolmentRules, PhotoVerdict
    from pipeline.gallery.portable.enrolled_images import EnrolledImages
    from pipeline.gallery.portable.kept_rejects import KeptRejects
    from pipeline.gallery.recogniser import Described
    from pipeline.types import Faces

BATCH = 16
"""crops described at once"""
AHEAD = 3 * BATCH
"""photos begun before the first of them is needed: two batches' worth beside the one that fills"""
MAX_THREADS = 8
"""each holds a decoded photo, up to 600 MB of one that is as large as may be"""
HEAD_BYTES = 16
"""tell a picture's format"""

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class FolderPart:
    """Photos of one person's folder that are judged together."""

    folder: Path
    number: int
    """0 of the first, the only one unless they are many"""


@dataclass(frozen=True, slots=True)
class AskedPhoto:
    """A file of a person's folder."""

    part: FolderPart
    path: Path
    person_id: str | None
    """None of somebody who is not in the gallery yet"""
    refusal: str | None = None
    """why it is not to be looked at"""


class Passed(Enum):
    """Why a photo was not looked at."""

    NO_PHOTO = "no photo"
    UNREADABLE = "unreadable"
    TAKEN = "taken"
    """a template of somebody else was made of it, or another file is the same image"""
    ENROLLED = "enrolled"
    """a template of this person was made of it before"""
    REJECTED = "rejected"
    """for the same reason as before"""


@dataclass(frozen=True, slots=True)
class LookedAt:
    """What came of a photo."""

    photo: AskedPhoto
    verdict: PhotoVerdict
    sha256: str | None = None
    """of its bytes; None where it could not be read"""
    passed: Passed | None = None
    among: str | None = None
    """with a kept reject: of which images of the person it was refused"""
    crop: U8 | None = field(default=None, repr=False)
    """(1, S, S, 3) that waits for its vector"""


class PhotoLooker:
    """Looks at photos by the rules that `enroll` follows."""

    def __init__(
        self, recognition: Recognition, rules: EnrolmentRules, images: EnrolledImages, rejects: KeptRejects
    ) -> None:
        """`images` and `rejects` are asked, and may grow meanwhile."""
        self._recognition = recognition
        self._rules = rules
        self._images = images
        self._rejects = rejects
        self._detector = Lock()
        self._pool = ThreadPoolExecutor(min(MAX_THREADS, (os.cpu_count() or 1) + 1), "facestream-photo")

    @property
    def comparable(self) -> tuple[str, ...]:
        """The model of the vectors, and those that they may be compared with."""
        return self._recognition.comparable

    def close(self) -> None:
        """Let the photos at hand go through, and drop the others."""
        self._pool.shutdown(cancel_futures=True)

    def look_at(self, photos: Iterable[AskedPhoto]) -> Iterator[LookedAt]:
        """What comes of each photo, in order, with its vector. Raises BackendError."""
        waiting: list[LookedAt] = []
        crops = 0
        for looked in in_order(self._pool, self._look, photos, AHEAD):
            waiting.append(looked)
            crops += looked.crop is not None
            if not crops or crops == BATCH or len(waiting) >= AHEAD:
                yield from self._described(waiting)
                waiting, crops = [], 0
        yield from self._described(waiting)

    def look_again(self, photos: Sequence[AskedPhoto]) -> list[LookedAt]:
        """The same, whatever was kept of them."""
        looks = [self._look(photo, again=True) for photo in photos]
        return list(self._described(looks))

    def _described(self, looks: Sequence[LookedAt]) -> Iterator[LookedAt]:
        """The same with the vectors of their crops, described in one batch."""
        import numpy as np

        crops = [look.crop for look in looks if look.crop is not None]
        embed = self._recognition.networks.embedder.embed
        vectors = iter(embed(np.concatenate(crops)) if crops else ())
        for look in looks:
            template = look.verdict.template
            if look.crop is None or template is None:
                yield look
            else:
                described = replace(template, vector=next(vectors))
                yield replace(look, crop=None, verdict=replace(look.verdict, template=described))

    def _look(self, photo: AskedPhoto, again: bool = False) -> LookedAt:
        """On any thread: read, recognise by its bytes what is known, else decode, detect, cut and judge."""
        from pipeline.gallery.enroll import PhotoVerdict

        path, shown = photo.path, str(photo.path)
        if photo.refusal is not None:
            return LookedAt(photo, PhotoVerdict(shown, photo.refusal), passed=Passed.UNREADABLE)
        try:
            data = _read(path)
        except (OSError, SourceError) as error:
            reason = getattr(error, "strerror", None) or str(error).removeprefix(f"{path}: ")
            return LookedAt(photo, PhotoVerdict(shown, f"cannot be read: {reason}"), passed=Passed.UNREADABLE)
        if data is None:
            return LookedAt(photo, PhotoVerdict(shown), passed=Passed.NO_PHOTO)
        digest = sha256(data).hexdigest()
        known = self._known(photo, digest, again)
        return known if known is not None else self._judge(photo, data, digest)

    def _known(self, photo: AskedPhoto, digest: str, again: bool) -> LookedAt | None:
        """What is known of a photo by its bytes alone."""
        from pipeline.gallery.enroll import PhotoVerdict

        shown = str(photo.path)
        owners = self._images.owners(digest)
        if any(one.id == photo.person_id for one in owners):
            return LookedAt(photo, PhotoVerdict(shown), digest, Passed.ENROLLED)
        if owners:
            reason = same_image(one.name for one in owners)
            return LookedAt(photo, PhotoVerdict(shown, reason), digest, Passed.TAKEN)
        kept = None if again else self._rejects.find(digest, self._images.fingerprint(photo.person_id))
        if kept is None:
            return None
        return LookedAt(photo, PhotoVerdict(shown, kept.reason), digest, Passed.REJECTED, kept.among)

    def _judge(self, asked: AskedPhoto, data: bytes, digest: str) -> LookedAt:
        from pipeline.capture.photo import decode_photo
        from pipeline.gallery.enroll import Photo, PhotoVerdict, judge_photo

        path = asked.path
        try:
            image = decode_photo(data, str(path))
        except SourceError as error:
            return LookedAt(asked, PhotoVerdict(str(path), str(error).removeprefix(f"{path}: ")), digest)
        # A file's name may hold bytes that are no text, which no database takes.
        file_name = path.name.encode("utf-8", "backslashreplace").decode("utf-8")
        cut = _CutFirst(self._recognition)
        photo = Photo(str(path), file_name, digest, image)
        verdict = judge_photo(photo, self._detect, cut, self._recognition.model_id, self._rules)
        return LookedAt(asked, verdict, digest, crop=cut.crops if verdict.template is not None else None)

    def _detect(self, image: U8) -> Faces:
        with self._detector:
            return self._recognition.detect(image)


class _CutFirst:
    """Judges a face for `judge_photo`, which decides by its quality, and keeps its crop; the vector comes later."""

    def __init__(self, recognition: Recognition) -> None:
        self._recognition = recognition
        self.crops: U8 | None = None

    def __call__(self, image: U8, faces: Faces) -> Described:
        """Quality and its parts; in the vectors' place stand unit vectors that say nothing."""
        from pipeline.gallery.recogniser import Described

        networks = self._recognition.networks
        self.crops = networks.crop.crops(image, faces)
        quality, parts = networks.judge(self.crops, faces), networks.parts(self.crops, faces)
        return Described(_placeholders(len(faces), self._recognition.dimension), quality, parts)


def in_order(
    pool: ThreadPoolExecutor, work: Callable[[Item], Result], items: Iterable[Item], ahead: int
) -> Iterator[Result]:
    """The results of the items, in their order; at most `ahead` are begun before the first is taken."""
    begun: deque[Future[Result]] = deque()
    for item in items:
        begun.append(pool.submit(work, item))
        if len(begun) >= ahead:
            yield begun.popleft().result()
    while begun:
        yield begun.popleft().result()


def same_image(names: Iterable[str]) -> str:
    """The refusal of an image that somebody has a template of."""
    return f"the same image is already enrolled for {' and '.join(names)}"


def _placeholders(count: int, dimension: int) -> F32:
    import numpy as np

    vectors = np.zeros((count, dimension), np.float32)
    vectors[:, 0] = 1.0
    return vectors


def _read(path: Path) -> bytes | None:
    """The bytes of a picture, None of anything else. Raises OSError, SourceError."""
    from pipeline.capture.photo import MAX_BYTES
    from pipeline.capture.picture_header import format_of

    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        if format_of(head) is None:
            return None
        if os.fstat(file.fileno()).st_size > MAX_BYTES:
            raise SourceError(f"{path}: is larger than 1 GiB; make it smaller")
        return head + file.read()
