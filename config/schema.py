"""Every key an operator may set: its type, limits and default, with the reason for the default.

Sections are frozen, unknown keys are refused, names carry units; those of finding faces stand in
config.detection_section, of live cameras in config.live_sections, of engines in config.engine_sections, of training
in config.training_section.
Reading files, environment and --set is config.load's work.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from config.detection_section import Detection
from config.engine_sections import Engine, Parity
from config.live_sections import Cameras, Capture, Http, Snapshots, Spool
from config.secrets import Secret
from config.section import Count, Days, Fraction, Rate, Seconds, Section, SquaredL2
from config.training_section import Training

AUTO_MODEL = "auto"
"""in place of a model's name: what serves the gallery"""


class Tracking(Section):
    """Following faces from frame to frame."""

    min_iou: Fraction = 0.2
    """predicted and found box overlap at least this much; low, because the detector looks only rate_hz times
    a second"""
    min_iou_low: Fraction = 0.4
    """the same in the second stage, for weak boxes"""
    max_lost_s: Seconds = 0.8
    """a track not found for this long is over; a sighting outlives it (sightings.gap_s)"""
    min_looks: Count = 2
    """a track counts only when the detector has found it this often: single false boxes never get further"""
    follow_from: Annotated[float, Field(gt=0.0, le=1.0)] = 0.6
    """part of detection.min_face_px from which on a face is followed where the detector finds it. It counts, for
    crops, sightings and events, from min_face_px on, and its track is then established already"""


class Alignment(Section):
    """Cutting the crop that the embedder expects."""

    crop: Literal["fitted", "detector"] = "fitted"
    """fitted: the detector's box moved to where MTCNN, on whose boxes the FaceNet weights were trained, would
    put it; detector: its own box. Measured by `bench crop`. Enrol anew after a change in this section: templates
    keep the crop that they were made of"""
    margin_fraction: Annotated[float, Field(ge=0.0, le=1.0)] = 0.14
    """margin on each side, as a fraction of the box's mean side: for LFW's faces, 95 px in the mean, the 16 px
    that FaceNet was trained with. 0.12 to 0.15 measure alike, 0.18 worse (docs/crop.md)"""


class Embedding(Section):
    """Turning crops into vectors, and which faces earn one."""

    model: str = AUTO_MODEL
    """entry of models.yaml; auto: what `upgrade` switched the gallery to last, so that all programs and machines
    change together; facenet-20180408 before any switch. A name given here is used whatever serves, and `upgrade` then
    refuses to switch"""
    max_batch: Count = 16
    """crops of several cameras in one run of the network"""
    max_wait_ms: Annotated[float, Field(ge=0.0)] = 20.0
    """live only: how long a crop may wait for others to fill a batch; a replay never waits"""
    min_quality: Fraction = 0.1
    """worse shots are never embedded: they add more than 0.77 to the distance to the same person's other
    photos (docs/quality.md), and would only blur the template"""
    first_shots: Count = 3
    """a new track's shots are embedded at once until it has this many: one may be bad luck"""
    better_by: Annotated[float, Field(gt=1.0)] = 1.15
    """afterwards only a shot whose quality beats the track's best by this factor"""
    recheck_s: Seconds = 1.0
    """or one this long after the last, while nobody has been recognised"""
    recheck_known_s: Seconds = 4.0
    """or this long, once somebody has been"""


class Matching(Section):
    """Deciding who a template is."""

    index: Literal["hnsw", "mlann", "exact"] = "hnsw"
    """hnsw answers as exact does up to 4,096 templates, and then searches a graph instead of everybody; mlann
    computes few distances, each chosen by those before (docs/mlann.md)"""
    max_fpir: Rate = 0.01
    """of people who are not in the gallery, the share that may be taken for somebody who is (false positive
    identification rate). The distance that keeps it is derived from the gallery as it is, its size and its
    look-alikes, whenever it is loaded; `calibrate` prints it. It is of one search with one photo: a
    sighting searches several times (docs/thresholds.md, "Per sighting"). 1 in 100: at a door that a hundred
    strangers pass a day one or two of them get a name"""
    max_distance: SquaredL2 | None = None
    """a squared L2 distance given here is taken as it is, instead: a name is given only below it"""
    min_margin: SquaredL2 = 0.08
    """and only when the second person is at least this much farther"""
    watchlist: str | None = None
    """only people of this list are searched in replays and by identify; everybody else is unknown. None: everybody"""
    keep_margin: SquaredL2 = 0.08
    """a name once given is kept until the distance exceeds that for names by this much, so that it does not flicker"""
    best_shots: Count = 5
    """a track's template is the quality-weighted mean of its best shots; few good ones suffice (FaceNet's
    100 -> 1000 frames gained 0.06 points on YTF)"""
    handover_distance: SquaredL2 = 1.3
    """two shots in a row that are farther than this from their track's template, and like each other: another face
    has taken the track over, and is a sighting of its own. Of 986 shots in thirteen recordings none was farther
    than 1.21 from its own track's template; the face that took one over was 1.91 away. 4: never"""
    candidates: Count = 5
    """people reported with an event at most"""
    candidate_distance: SquaredL2 = 1.2
    """and only those nearer than this: of two people's photos one pair in three hundred is (docs/thresholds.md), so
    that the names of people far away do not travel with every stranger's event"""


class Verification(Section):
    """1:1 comparison of two photos."""

    max_far: Rate = 0.001
    """the share of pairs of two people that may be taken for one (false accept rate): the rate at which FaceNet's
    authors and LFW's table report. It also bounds the distance at which names are given: a comparison with a gallery
    is never laxer than one with a single photo"""
    max_distance: SquaredL2 | None = None
    """a squared L2 distance given here is taken as it is, instead: the same person below it"""


class Clustering(Section):
    """Grouping photos of unknown people by person."""

    max_fpir: Rate = 0.2
    """of the faces to group, the share that may have a stranger nearer than the threshold, were all others strangers;
    the distance that keeps it is derived from how many they are. On development people, 24 with six photos and 1,468
    with mostly one, 0.2 gave the best B-cubed F in the mean; 0.1 mixes fewer people up where nearly all are seen once
    (docs/evaluate.md)"""
    max_distance: SquaredL2 | None = None
    """a squared L2 distance given here is taken as it is, instead: groups are merged below it"""
    linkage: Literal["average", "complete", "single", "ward"] = "average"
    """how far apart two groups are: average, of all pairs of their faces; complete, of the farthest; single, of the
    nearest, which chains strangers; ward, growing with the groups' sizes, which splits people with many photos among
    many with one"""


class Enrolment(Section):
    """Which photos may stand for a person."""

    min_face_px: Annotated[int, Field(ge=8)] = 48
    """shorter side of the face; smaller ones give templates that resemble everybody"""
    min_quality: Fraction = 0.4
    """a gallery is worth a better photo than a probe. Of photos between 0.3 and 0.4 one in six is not recognised,
    and templates that are bad alike take strangers for each other twice as often as good ones
    (docs/evaluate.md); of LFW's faces 99 in 100 reach it"""
    max_templates: Annotated[int, Field(ge=1, le=100)] = 10
    """kept of a person; beyond it the one goes that says the least, whatever its age. Four chosen so miss half of who
    is missed with two, six no more than all that there are (docs/gallery.md); each one more is a template that
    strangers may be near to"""


class Sightings(Section):
    """From decisions on frames to one sighting a person."""

    decide_after_s: Seconds = 1.0
    """a face not recognised for this long is published as unknown, also if no shot of it was good enough to embed"""
    min_shots: Count = 2
    """shots fused before a name is given; a sighting that ends earlier is decided on what there is"""
    gap_s: Seconds = 2.0
    """a person back within this time continues the sighting"""
    rejoin_distance: SquaredL2 = 0.9
    """an unknown face back within gap_s is the same sighting below this distance"""
    min_seen_s: Annotated[float, Field(ge=0.0)] = 0.25
    """a sighting shorter than this is not published: a passing false detection; one without a single shot good
    enough to embed has to last decide_after_s"""
    update_quality_by: Annotated[float, Field(gt=1.0)] = 1.5
    """an `update` is published for a clearly better shot: this factor in quality"""
    feedback_lag_frames: Count = 24
    """the embed gate at frame k knows decisions up to frame k minus this, always exactly, so that a replay
    does not depend on timing; larger keeps more frames in flight"""


class Strangers(Section):
    """Recognising people whom nobody has named."""

    max_fpir: Rate = 0.01
    """of strangers who were never seen before, the share that may be taken for one who was. The distance that keeps
    it is derived from how many are known, as for names, and shrinks as they become more. At 1 in 100 at least 98 in
    100 sightings have the id of their own person (docs/strangers.md); 0.05 gives fewer ids, and mixes people"""
    max_distance: SquaredL2 | None = None
    """a squared L2 distance given here is taken as it is, instead"""
    min_quality: Fraction = 0.3
    """a sighting whose best shot is worse gets an id of its own, by which nobody is recognised later. Two people's
    shots between 0.2 and 0.3 are taken for one person's 2.5 times as often as the distance allows for, between 0.3 and
    0.4 1.2 times (docs/strangers.md)"""
    max_vectors: Count = 5
    """sightings that stand for a stranger at most, the most different ones. 2 to 10 measure alike with six sightings a
    person; a person who comes daily for months must not fill the memory"""


class Retention(Section):
    """How long things are kept, counted from when they were written (docs/retention.md)."""

    sightings_days: Days | None = 90.0
    """who was seen where and when; null: for good. Three months: long enough to ask back about a quarter, and an
    operator who may keep less, as most may, has to say so"""
    stranger_vectors_days: Days | None = 30.0
    """what unknown people are recognised and searched by; null: as long as their sightings. Nobody asked them, so
    their faces go first, and who comes within a month is known again"""
    snapshots_days: Days | None = 30.0
    """pictures, by the time of the file; null: for good, or as long as the sighting that names them"""
    snapshots_mb: Count | None = 4096
    """of pictures, the oldest go first; null: as many as the disk takes. About 40,000 sightings"""


class Gallery(Section):
    """Where people are kept."""

    url: Secret | None = None
    """SQLAlchemy address; none: SQLite in the data folder"""
    follow_s: Seconds = 0.2
    """a run in real time asks this often whether somebody was enrolled, renamed or forgotten, which costs a
    thousandth of a core (docs/decisions/0007-the-gallery-is-polled.md). What others write shows within this and
    the time it takes to index, well within a second"""


class Redis(Section):
    """Where events go."""

    url: Secret | None = None
    """redis://..., rediss://... or unix://...; none: a redis-server of our own in the data folder"""
    stream: str = "facestream:events"
    """of live events; part of the contract with subscribers"""
    replay_stream: str = "facestream:replay"
    """of replayed events: another, so that a replay alarms nobody"""
    max_events: Count = 100_000
    """length at which streams are trimmed, about; 100 MB"""


class Runtime(Section):
    """Threads and queues."""

    max_latency_ms: Annotated[float, Field(ge=50.0)] = 1000.0
    """live only: from capture to published event, 99 in 100 stay below it. Rather than exceed it, fewer frames are
    looked at. A second is what people take for at once, and two cores keep it with sixteen cameras"""
    max_restarts: Annotated[int, Field(ge=0)] = 5
    """live only: a stage that fails so often within restart_window_s ends the program; 0: the first failure does"""
    restart_window_s: Seconds = 600.0
    """the time that restarts are counted in"""

    frames_queued: Count = 16
    """replays: decoded frames waiting for the detector, a camera. Live it is one: the newest"""
    items_queued: Count = 32
    """items waiting between two stages, all cameras"""
    decoder_threads: Annotated[int, Field(ge=0)] = 1
    """of one camera's decoder; 0: as FFmpeg likes. One, because damaged recordings then decode to the same
    pixels each time; cameras decode beside each other anyway"""
    drain_timeout_s: Seconds = 10.0
    """after a stop was asked for, open sightings get their `end` within this time"""


class Config(Section):
    """The whole configuration."""

    detection: Detection = Detection()
    tracking: Tracking = Tracking()
    alignment: Alignment = Alignment()
    embedding: Embedding = Embedding()
    matching: Matching = Matching()
    verification: Verification = Verification()
    clustering: Clustering = Clustering()
    enrolment: Enrolment = Enrolment()
    sightings: Sightings = Sightings()
    strangers: Strangers = Strangers()
    retention: Retention = Retention()
    engine: Engine = Engine()
    parity: Parity = Parity()
    training: Training = Training()
    gallery: Gallery = Gallery()
    redis: Redis = Redis()
    spool: Spool = Spool()
    snapshots: Snapshots = Snapshots()
    capture: Capture = Capture()
    cameras: Cameras = Cameras()
    http: Http = Http()
    runtime: Runtime = Runtime()

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        if self.detection.low_score > self.detection.min_score:
            raise ValueError("detection.low_score must not exceed detection.min_score")
        if self.tracking.max_lost_s > self.sightings.gap_s:
            raise ValueError(
                "tracking.max_lost_s must not exceed sightings.gap_s, or tracks outlive sightings"
            )
        if self.detection.rate_hz * self.sightings.gap_s < 1.0:
            raise ValueError(
                "sightings.gap_s must not be shorter than the time between two looks, 1 / detection.rate_hz"
            )
        if self.detection.min_rate_hz > self.detection.rate_hz:
            raise ValueError("detection.min_rate_hz must not exceed detection.rate_hz")
        return self
