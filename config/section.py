"""What the sections of the configuration are made of: a frozen group of keys, and the types that several keys have."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Rate = Annotated[float, Field(gt=0.0, lt=1.0)]
SquaredL2 = Annotated[float, Field(ge=0.0, le=4.0)]
Seconds = Annotated[float, Field(gt=0.0)]
Days = Annotated[float, Field(gt=0.0, le=36_500.0)]
Count = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    """A frozen group of keys that refuses unknown ones."""

    model_config = ConfigDict(frozen=True, extra="forbid")
