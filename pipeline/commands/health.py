"""What `doctor` checks beside engines: versions, folders, thresholds, Redis, gallery. Changes nothing."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from config.schema import Config
from config.secrets import mask
from engines.errors import EngineError
from pipeline.commands.machine import PACKAGES, Hardware, Versions, existing
from pipeline.errors import FacestreamError

if TYPE_CHECKING:
    from pipeline.events.delivery.broker import Broker
    from pipeline.gallery.comparable import Comparable
    from pipeline.gallery.storage.records import Serving

LOW_DISK_BYTES = 500_000_000
"""below this a day of events and snapshots may not fit"""
SUPPORTED_PYTHON = ((3, 11), (3, 12))
REINSTALL = "run: make install"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something needed that is broken."""

    part: str
    message: str
    """what is wrong, and how to repair it"""


Problems = list[Problem]
"""what the checks below append to"""


@dataclass(frozen=True, slots=True)
class RedisHealth:
    """Where events go."""

    kind: Literal["embedded", "remote"]
    address: str
    """without its password; of our own server its folder"""
    running: bool
    """our own server runs only while a command uses it"""
    version: str | None


@dataclass(frozen=True, slots=True)
class GalleryHealth:
    """Who is known."""

    address: str
    """without its password"""
    exists: bool
    """a gallery begins with the first enroll"""
    people: int
    templates: int
    model_ids: Mapping[str, int]
    """model_id -> templates"""
    version: int
    """number of its last change"""
    left_behind: int = 0
    """people whom older models alone know"""


def check_versions(versions: Versions, problems: Problems) -> None:
    """Everything installed, loadable, and a Python that the packages have wheels for."""
    if tuple(map(int, versions.python.split(".")[:2])) not in SUPPORTED_PYTHON:
        problems.append(
            Problem(
                "versions", f"Python {versions.python} is not 3.11 or 3.12; {REINSTALL} PYTHON=python3.11"
            )
        )
    missing = [PACKAGES[name] for name, version in versions.packages.items() if version is None]
    if missing:
        problems.append(Problem("versions", f"not installed: {', '.join(missing)}; {REINSTALL}"))
    for module, reason in versions.unloadable.items():
        problems.append(Problem("versions", f"{module} cannot be loaded: {reason}; {REINSTALL}"))


def check_folders(hardware: Hardware, data: Path, models: Path, problems: Problems) -> None:
    """Folders that can be written, on disks with room."""
    room = {"data": (data, hardware.free_data_bytes), "models": (models, hardware.free_models_bytes)}
    flags = {"data": "--data", "models": "FACESTREAM_MODELS"}
    for name, (folder, free_bytes) in room.items():
        place = existing(folder)
        if not place.is_dir():
            problems.append(
                Problem(
                    "folders", f"{name} folder {folder}: {place} is a file; set {flags[name]} to a folder"
                )
            )
        elif not os.access(place, os.W_OK | os.X_OK):
            problems.append(
                Problem("folders", f"{name} folder {folder} cannot be written; set {flags[name]} to another")
            )
        if free_bytes < LOW_DISK_BYTES:
            problems.append(
                Problem(
                    "folders",
                    f"only {free_bytes // 10**6} MB free for {folder}; make room, or set {flags[name]}",
                )
            )


def check_statistics(config: Config, problems: Problems) -> None:
    """The files beside the models must be there and whole: occlusion's weights, the embedder's centre, its int8."""
    from engines.build.quantisation_recipe import read_recipe
    from engines.centre import read_centre
    from pipeline.alignment.occlusion import WEIGHTS_FILE, read_net
    from pipeline.commands.thresholds import described

    try:
        read_net(WEIGHTS_FILE)
    except FacestreamError as error:
        problems.append(Problem("statistics", str(error)))
    try:
        model = described(config)
        if model.centre is not None:
            read_centre(model.centre, model.dimension or 0)
        if model.int8 is not None and config.engine.precision in ("auto", "int8"):
            read_recipe(model.int8)
    except EngineError as error:
        problems.append(Problem("statistics", str(error)))


def check_thresholds(config: Config, data: Path, problems: Problems) -> None:
    """The distances that names are given by must be set, or there must be statistics to derive them from."""
    from pipeline.commands.thresholds import needed_strangers, verification_distance

    try:
        if config.matching.max_distance is None:
            needed_strangers(config, data, "matching.max_distance")
        verification_distance(config, data)
    except (EngineError, FacestreamError) as error:
        problems.append(Problem("thresholds", str(error)))


def check_redis(config: Config, data: Path, problems: Problems) -> RedisHealth | None:
    """The user's Redis must answer; our own must be installed, and answer where it runs."""
    from pipeline.events.delivery.broker import RemoteRedis

    try:
        if config.redis.url is None:
            return _check_embedded_redis(data)
        url = config.redis.url.reveal()
        return RedisHealth("remote", mask(url), True, _redis_version(RemoteRedis(url, mask(url))))
    except FacestreamError as error:
        problems.append(Problem("redis", str(error)))
    except OSError as error:
        where = error.filename or data / "redis"
        problems.append(Problem("redis", f"{where}: {error.strerror}; make it readable and writable"))
    return None


def _check_embedded_redis(data: Path) -> RedisHealth:
    from pipeline.errors import BrokerError
    from pipeline.events.delivery.redis_server import REINSTALL as OTHER_REDIS
    from pipeline.events.delivery.redis_server import EmbeddedRedis, redis_executable
    from pipeline.events.file_lock import is_held

    executable = redis_executable()
    lock = data / "redis" / "server.lock"
    if lock.parent.exists() and not lock.parent.is_dir():
        raise BrokerError(
            f"{lock.parent} is no folder, and our own Redis keeps its files there; move it away"
        )
    if lock.exists() and is_held(lock):
        return RedisHealth("embedded", str(lock.parent), True, _redis_version(EmbeddedRedis(data)))
    command = [str(executable), "--version"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise BrokerError(f"{executable} does not run: {error}; {OTHER_REDIS}") from error
    # "Redis server v=6.2.14 sha=..."
    version = next((word[2:] for word in said.split() if word.startswith("v=")), None)
    return RedisHealth("embedded", str(lock.parent), False, version)


def _redis_version(broker: Broker) -> str | None:
    from pipeline.events.delivery.broker import connect

    try:
        with connect(broker.open(), broker.shown) as client:
            return str(client.info("server").get("redis_version"))
    finally:
        broker.close()


def check_gallery(
    config: Config, data: Path, comparable: Comparable | None, problems: Problems
) -> GalleryHealth | None:
    """The gallery must open and be whole, and hold templates that an embedder's vectors may be compared with."""
    from pipeline.assemble.gallery import open_store
    from pipeline.commands.unkept_promises import unkept_promises
    from pipeline.gallery.comparable import models_of, own_model
    from pipeline.gallery.storage.store import DATABASE_FILE, Store
    from pipeline.gallery.storage.tables import SCHEMA_VERSION
    from pipeline.gallery.upgrade.left_behind import left_behind

    url = config.gallery.url
    address = str(data / DATABASE_FILE) if url is None else mask(url.reveal())
    if url is None and not (data / DATABASE_FILE).exists():
        return GalleryHealth(address, False, 0, 0, {}, 0)
    try:
        schema = Store(data, None if url is None else url.reveal()).database.schema()
        if schema is None:
            return GalleryHealth(address, False, 0, 0, {}, 0)
        if schema < SCHEMA_VERSION:
            older = f"{address}: of an older Facestream (schema {schema}); the next command that uses it brings it to"
            problems.append(
                Problem("gallery", f"{older} schema {SCHEMA_VERSION}; copy it, then run: people list")
            )
            return None
        with open_store(config, data) as store:
            problems += [Problem("gallery", line) for line in store.problems()]
            problems += [Problem("gallery", line) for line in unkept_promises(config, data, store)]
            people = store.people()
            model_ids = store.templates_by_model()
            version = store.version()
            serving = store.serving()
            with store.database.reading() as connection:
                behind = 0 if comparable is None else len(left_behind(connection, models_of(comparable)))
    except FacestreamError as error:
        stopped = Problem("gallery", str(error))
        problems += [stopped] if stopped not in problems else []
        return None
    if model_ids and comparable is not None and not set(models_of(comparable)) & set(model_ids):
        there = ", ".join(sorted(model_ids))
        problems.append(
            Problem(
                "gallery",
                f"nobody can be recognised: templates are of {there}, not of {own_model(comparable)}; enroll the "
                "photos again, correct embedding.model, or describe kept faces by it: upgrade --to MODEL",
            )
        )
    if comparable is not None and serving is not None and serving.model == config.embedding.model:
        problems += _other_model(serving, own_model(comparable))
    return GalleryHealth(address, True, len(people), sum(model_ids.values()), model_ids, version, behind)


def _other_model(serving: Serving, model_id: str) -> Problems:
    """An entry of models.yaml that is another model here than where the gallery was switched to it."""
    if serving.model_id == model_id:
        return []
    return [
        Problem(
            "gallery",
            f"it was switched to {serving.model} as {serving.model_id}, and here that is {model_id}; copy the model "
            "and its entry from where it was switched",
        )
    ]
