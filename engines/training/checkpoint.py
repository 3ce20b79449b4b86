"""A run on disk: weights, optimizer and where it stands in one safetensors file, so that it is never half of it.

No generator has a state to keep: what chance a step has follows from the seed and its number (sampler.py). Nothing
is pickled. A file is written beside the old one, reaches the disk, and then takes its name.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from engines.errors import TrainingError, TrainingWriteError
from engines.training.settings import Settings
from engines.training.validation import Validation

FORMAT = 1
KEY = "facestream"
"""of our JSON in the header of a safetensors file"""
LAST, BEST, SETTINGS, STATE = "last.safetensors", "best.safetensors", "settings.json", "state.json"
NETWORK, OPTIMIZER = "network.", "optimizer."
"""what names of tensors begin with"""


@dataclass(frozen=True, slots=True)
class RunState:
    """Where a run stands."""

    step: int = 0
    """the last one taken"""
    seconds: float = 0.0
    best: Validation | None = None
    best_step: int = 0
    """whose weights are in best.safetensors; 0: none are yet"""
    worse: int = 0
    """validations in a row that were no better"""
    at_one_point: int = 0
    """steps in a row with everybody in one place"""


@dataclass(frozen=True, slots=True)
class Identity:
    """What must be the same for a run to go on."""

    settings: Settings
    data: str
    """`FaceSource.fingerprint`"""


@dataclass(frozen=True, slots=True)
class Best:
    """What is known of the weights in best.safetensors."""

    step: int
    validation: Validation | None
    settings: Settings


@dataclass(frozen=True, slots=True)
class _Checkpoint:
    """A file, read."""

    path: Path
    header: Mapping[str, Any]
    tensors: Mapping[str, Tensor]

    def settings(self) -> Settings:
        return Settings.from_json(self.header["settings"])

    def state(self) -> RunState:
        value = dict(self.header["state"])
        best = Validation(**value.pop("best")) if value["best"] else value.pop("best")
        return RunState(best=best, **value)

    def part(self, prefix: str) -> dict[str, Tensor]:
        """The tensors whose names begin so, without the beginning."""
        return {
            name.removeprefix(prefix): each for name, each in self.tensors.items() if name.startswith(prefix)
        }


def write_last(
    folder: Path,
    identity: Identity,
    state: RunState,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
) -> None:
    """Keep everything that the next step stands on. Raises TrainingWriteError; the one before stays then."""
    tensors = _weights(network)
    for number, values in optimizer.state_dict()["state"].items():
        tensors |= {f"{OPTIMIZER}{number}.{name}": _on_host(value) for name, value in values.items()}
    about = {"scaler": scaler.state_dict(), "learning": _learning(network)}
    _write(folder / LAST, tensors, _header(identity, state) | about)


def write_best(folder: Path, identity: Identity, state: RunState, network: nn.Module) -> None:
    """Keep the weights as the best so far. Raises TrainingWriteError; those before stay then."""
    _write(folder / BEST, _weights(network), _header(identity, state))


def read_last(
    folder: Path,
    identity: Identity,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
) -> RunState | None:
    """Put back what `write_last` kept, and say where the run stands; None where the folder has no run.

    Raises TrainingError, and changes nothing, where the file is damaged or of another network, settings or data.
    """
    path = folder / LAST
    if not path.exists():
        return None
    found = _read(path)
    with _damage_told(path):
        settings, state, data = found.settings(), found.state(), str(found.header["data"])
        scaled, learning = found.header["scaler"], found.header["learning"]
    if names := settings.differing(identity.settings):
        there = ", ".join(
            f"{name} {getattr(settings, name)}, here {getattr(identity.settings, name)}" for name in names
        )
        raise TrainingError(
            f"{folder} holds a run with other settings ({there}); give the same, or another folder"
        )
    if data != identity.data:
        raise TrainingError(
            f"{folder} holds a run on other data ({data}; here {identity.data}); give the same, or another folder"
        )
    _check_weights(found, network)
    if learning != _learning(network):
        raise TrainingError(
            f"{folder} holds a run in which other parts of the network learn; freeze the same, or name another folder"
        )
    with _damage_told(path):
        optimizer_state = _optimizer_state(found, optimizer)
        optimizer.load_state_dict(optimizer_state)
        if scaled:
            scaler.load_state_dict(scaled)
    network.load_state_dict(found.part(NETWORK))
    return state


def load_best(network: nn.Module, folder: Path) -> Best:
    """Put the best weights of a run into its network.

    Raises TrainingError where the folder has none, or where they are damaged or another network's.
    """
    path = folder / BEST
    if not path.exists():
        raise TrainingError(f"{folder} holds no trained weights (no {BEST}); train there first")
    found = _read(path)
    with _damage_told(path):
        settings, state = found.settings(), found.state()
    _check_weights(found, network)
    network.load_state_dict(found.part(NETWORK))
    return Best(state.best_step, state.best, settings)


def write_settings(folder: Path, settings: Settings) -> None:
    """Keep the settings as a file to read. Raises TrainingWriteError."""
    replace_file(folder / SETTINGS, (settings.to_json() + "\n").encode())


def read_settings(folder: Path) -> Settings:
    """The settings that the run in this folder was last called with. Raises TrainingError."""
    path = folder / SETTINGS
    try:
        return Settings.from_json(path.read_text(encoding="utf-8"))
    except TrainingError as error:
        raise TrainingError(f"{path}: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise TrainingError(
            f"{folder} holds no training run ({SETTINGS} cannot be read); train there first"
        ) from error


def replace_file(path: Path, data: bytes) -> None:
    """Write a file whole or not at all. Raises TrainingWriteError."""
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        raise write_error(path, error) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def write_error(path: Path, error: OSError) -> TrainingWriteError:
    """The one line for a file of a run that could not be written."""
    return TrainingWriteError(
        f"{path} cannot be written: {error.strerror or error}; what was kept before is whole: "
        "make room, or name another folder, and run it again"
    )


def _header(identity: Identity, state: RunState) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "settings": identity.settings.to_json(),
        "data": identity.data,
        "state": asdict(state),
    }


def _weights(network: nn.Module) -> dict[str, Tensor]:
    return {f"{NETWORK}{name}": _on_host(value) for name, value in network.state_dict().items()}


def _learning(network: nn.Module) -> list[str]:
    """Names of what learns, by which the optimizer's state is numbered."""
    return [name for name, value in network.named_parameters() if value.requires_grad]


def _on_host(value: Tensor) -> Tensor:
    return value.detach().cpu().contiguous()


def _checksum(tensors: Mapping[str, Tensor]) -> int:
    """Of names, types, shapes and bytes: safetensors itself would not notice a changed bit."""
    digest = 0
    for name in sorted(tensors):
        value = tensors[name]
        digest = zlib.crc32(f"{name} {value.dtype} {tuple(value.shape)}".encode(), digest)
        digest = zlib.crc32(value.reshape(-1).view(torch.uint8).numpy().data, digest)
    return digest


def _write(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
    about = json.dumps({**header, "checksum": _checksum(tensors)})
    replace_file(path, save(dict(tensors), metadata={KEY: about}))


def _read(path: Path) -> _Checkpoint:
    """Raises TrainingError where it is damaged, or not ours."""
    with _damage_told(path):
        with safe_open(path, framework="pt") as file:
            about = (file.metadata() or {}).get(KEY)
            if about is None:
                raise TrainingError(
                    f"{path} is not a file of a training run; move it away, or name another folder"
                )
            header = json.loads(about)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if header["format"] != FORMAT:
            raise TrainingError(
                f"{path} is of format {header['format']}, this program reads {FORMAT}; train anew"
            )
        if header["checksum"] != _checksum(tensors):
            raise ValueError("its checksum is wrong")
    return _Checkpoint(path, header, tensors)


@contextmanager
def _damage_told(path: Path) -> Iterator[None]:
    """Say in one line that a file is not what was written."""
    try:
        yield
    except OSError as error:
        raise TrainingError(f"{path} cannot be read: {error.strerror or error}; give read access") from error
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TrainingError(f"{path} is damaged ({why}); remove it and train anew") from error


def _check_weights(found: _Checkpoint, network: nn.Module) -> None:
    """Raise TrainingError where a file's weights are not this network's."""
    here = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    there = {name: tuple(value.shape) for name, value in found.part(NETWORK).items()}
    for name in sorted(here.keys() | there.keys()):
        if here.get(name) != there.get(name):
            raise TrainingError(
                f"{found.path} is of another network ({name} is {there.get(name, 'missing')}, "
                f"here {here.get(name, 'missing')}); give the one it was trained with, or another folder"
            )


def _optimizer_state(found: _Checkpoint, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """What `optimizer.load_state_dict` takes. Raises ValueError where it is for other parameters."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in found.part(OPTIMIZER).items():
        number, _, key = name.partition(".")
        state.setdefault(int(number), {})[key] = value
    groups = optimizer.state_dict()["param_groups"]
    parameters = [each for group in optimizer.param_groups for each in group["params"]]
    if state and not set(state) <= set(range(len(parameters))):
        raise ValueError("its optimizer is for other parameters")
    for at, values in state.items():
        for value in values.values():
            if value.dim() and value.shape != parameters[at].shape:
                raise ValueError("its optimizer is for other parameters")
    return {"state": state, "param_groups": groups}
