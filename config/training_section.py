"""The section of training networks: what is learnt from, and how. Used by `train` alone."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from config.section import Count, Fraction, Section, SquaredL2


class Training(Section):
    """Training a network on photos of people."""

    validation: Annotated[float, Field(ge=0.01, le=0.5)] = 0.1
    """of the people who are not for the test, the share by whom the best state is chosen"""
    seed: Annotated[int, Field(ge=0)] = 0
    """of the split, of the first weights and of every batch; the same seed gives the same run on one machine"""
    min_face_px: Annotated[int, Field(ge=8)] = 32
    """shorter side in the photo; smaller faces are left out. Of faces of 24 to 40 px eight in a hundred are not
    accepted against a clean photo (docs/evaluate.md): there is little of a person to learn in them"""
    min_quality: Fraction = 0.1
    """worse faces are left out. Cameras never embed them (embedding.min_quality), so nothing is to be learnt of them"""
    same_person_distance: SquaredL2 = 0.45
    """squared L2 of the serving embedder: a person of the training part who is nearer to somebody of the test half is
    taken out. In LFW and YouTube Faces 24 of 48 million pairs under two names are, and all but four are one person
    (docs/training.md)"""
    augmentation: Literal["usual", "none"] = "usual"
    """usual: crops are mirrored, shifted, scaled, and changed in light a little, anew each time"""
    people: Annotated[int, Field(ge=2)] | None = None
    """in a batch (P); null: as suits the network"""
    photos: Annotated[int, Field(ge=2)] | None = None
    """of each of them in a batch at most (K); null: as suits the network"""
    others: Annotated[int, Field(ge=0)] | None = None
    """faces of people with a single photo in a batch, shown as negatives; null: as suits the network"""
    margin: Annotated[float, Field(gt=0.0, le=4.0)] = 0.2
    """by which another person's photo is to be farther than the same person's, in squared L2: the paper's"""
    negatives: Literal["semi-hard", "nearest-semi-hard", "hardest", "all"] = "semi-hard"
    """which other person's photos a pair is shown. semi-hard: by chance, one that is farther than the pair by less than
    the margin, as in the paper; hardest can draw all faces into one point"""
    optimizer: Literal["auto", "adagrad", "adam"] = "auto"
    """auto: as suits the network; adagrad is the paper's"""
    learning_rate: Annotated[float, Field(gt=0.0)] | None = None
    """null: as suits network and optimizer"""
    validate_every: Count = 100
    """steps"""
    patience: Count | None = None
    """validations in a row without a better one, after which a run ends; null: it goes on to its minutes or steps"""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto: a GPU where torch sees one"""
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    """that the network computes in while it learns. float32 repeats bit for bit everywhere; a processor that multiplies
bfloat16 (AVX-512 BF16, AMX) learns NNS2 in six tenths of the time with that, a GPU with float16"""
