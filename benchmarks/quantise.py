"""How an embedder is computed in int8: makes the file that ships, and shows what int8 costs and saves.

    python run_pipeline.py bench quantise --people lfw_dev.tar                   a table
    python run_pipeline.py bench quantise --people lfw_dev.tar --out FILE.npz    also the file, `int8:` in models.yaml
    python run_pipeline.py bench quantise --people lfw_dev.tar --rank            what each convolution costs alone

Ranges come from one photo of each of some people, errors are measured on everybody else. Give people whom no test
has. The same photos and seed give the same file on one machine.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import onnx

from benchmarks._photos import face_meant, photos_in
from benchmarks._quantise_measure import difference, embed, interleaved
from benchmarks._quantise_statistics import compile_network, make_recipe, weights_of
from engines.arrays import U8
from engines.build.from_description import write_model_onnx
from engines.build.quantisation_recipe import QuantisationRecipe, weights_digest
from engines.build.quantised import convolutions, quantised
from engines.zoo.cache import ModelCache
from engines.zoo.catalogue import read_catalogue
from engines.zoo.fetch import fetch
from pipeline.assemble.recognition import CATALOGUE_FILE, open_recognition
from pipeline.commands.context import Context, make_context, write_out
from pipeline.commands.output import model_progress
from pipeline.errors import BadInputError, OutsideError

CALIBRATED_ON = 512
"""people whose photos ranges are taken from, or half of them where they are fewer"""
RANKED_ON = 64
"""crops on which one convolution after the other is tried"""
FEWEST = 32
"""people; fewer say nothing of ranges"""
ROUNDS = 15
REFERENCE = "fp32"


@dataclass(frozen=True, slots=True)
class Crops:
    """One face a photo, cut as the pipeline cuts it."""

    calibration: U8
    """(N, S, S, 3) one of each of some people"""
    check: U8
    """(M, S, S, 3) all of everybody else"""


@dataclass(frozen=True, slots=True)
class QuantiseRow:
    """A line of the table."""

    kind: str
    int8_convolutions: int
    mean_cosine: float
    """to the fp32 network's vectors, as what follows, of people from whom no range was taken"""
    worst_cosine: float
    distance_rms: float
    """of the change of squared L2 distances between two faces"""
    ms_a_face_batch_1: float
    ms_a_face_batch_16: float
    against: str
    ratio: float
    """ms a face at batch 16, as a multiple of that of `against`"""


@dataclass(frozen=True, slots=True)
class RankRow:
    """What one convolution costs."""

    convolution: str
    mean_cosine: float
    """to the fp32 network's vectors, with this alone in int8"""
    worst_cosine: float
    distance_rms: float
    against: str
    ratio: float
    """`distance_rms`, as a multiple of that of `against`"""


def main(argv: Sequence[str]) -> int:
    """Run the benchmark; 0 when done. Raises BadInputError, SourceError, OutsideError and EngineError."""
    options = _parse(argv)
    named = [f"embedding.model={options.model}"] if options.model else []
    context = make_context(None, options.data, [*options.set, *named], options.json, False)
    crops = _crops(context, options.people, options.seed)
    network = _network(context)
    recipe = _recipe(context, network, crops.calibration, options)
    if options.rank:
        for ranked in _ranking(network, recipe, crops.check[:RANKED_ON]):
            write_out((json.dumps(asdict(ranked)) if options.json else _rank_line(ranked)) + "\n")
    else:
        for row in _rows(network, recipe, crops.check, options.threads):
            write_out((json.dumps(asdict(row)) if options.json else _line(row)) + "\n")
    if options.out is not None:
        try:
            recipe.write(options.out)
        except OSError as error:
            raise OutsideError(
                f"{options.out} cannot be written ({error.strerror}); name another file"
            ) from error
        context.say(f"{options.out}: {options.out.stat().st_size / 1000:.0f} kB, {recipe.about}")
    return 0


def _crops(context: Context, people: Path, seed: int) -> Crops:
    """The face meant by each photo; photos without one are left out."""
    crops: dict[str, list[U8]] = {}
    with (
        model_progress(context) as on_progress,
        open_recognition(context.config, context.models, on_progress) as recognition,
    ):
        for photo in photos_in(people):
            faces = face_meant(recognition.detect(photo.image), photo.image)
            cut = recognition.networks.crop.crops(photo.image, faces)
            crops.setdefault(photo.person, []).extend(cut)
    found = sorted(person for person, each in crops.items() if each)
    if len(found) < FEWEST:
        raise BadInputError(
            f"{people}: faces of {len(found)} people; ranges need {FEWEST} at least, better hundreds"
        )
    shuffled = np.random.default_rng(seed).permutation(len(found)).tolist()
    count = min(CALIBRATED_ON, len(found) // 2)
    calibration = [crops[found[row]][0] for row in shuffled[:count]]
    check = [crop for row in shuffled[count:] for crop in crops[found[row]]]
    return Crops(np.stack(calibration), np.stack(check))


def _network(context: Context) -> onnx.ModelProto:
    """The embedder as an fp32 ONNX model of pixels, fetched where it is not there."""
    model = read_catalogue(CATALOGUE_FILE).model(context.config.embedding.model)
    with model_progress(context) as on_progress, tempfile.TemporaryDirectory() as folder:
        source = fetch(model, ModelCache(context.models), on_progress)[0]
        path = Path(folder) / "model.onnx"
        write_model_onnx(model, source, path)
        return onnx.load(str(path))


def _recipe(
    context: Context, network: onnx.ModelProto, crops: U8, options: argparse.Namespace
) -> QuantisationRecipe:
    known = convolutions(network)
    unknown = [name for name in options.keep if name not in known]
    if unknown:
        raise BadInputError(f"--keep {unknown[0]}: no such convolution; --rank shows their names")
    if not set(known) - set(options.keep):
        raise BadInputError(
            f"{context.config.embedding.model} has no convolution to compute in int8; leave `int8` out"
        )
    kept = "".join(f" --keep {name}" for name in options.keep)
    about = (
        f"{context.config.embedding.model}, one photo of each of {len(crops)} people: "
        f"bench quantise --people {options.people.name} --seed {options.seed}{kept}"
    )
    with context.progress() as bars:
        task = bars.add_task("activations", total=2 * len(crops))
        return make_recipe(network, crops, options.keep, about, lambda done: bars.advance(task, done))


def _rows(
    network: onnx.ModelProto, recipe: QuantisationRecipe, crops: U8, threads: int
) -> Iterator[QuantiseRow]:
    """fp32, bf16 where the processor has it, and int8."""
    small = quantised(network, recipe)
    compiled = {REFERENCE: compile_network(network, "f32", threads)}
    from engines.backends.openvino_module import openvino_computes

    if "BF16" in openvino_computes():
        compiled["bf16"] = compile_network(network, "bf16", threads)
    compiled["int8"] = compile_network(small, "f32", threads)
    reference = embed(compiled[REFERENCE], crops)
    times = interleaved(compiled, crops, ROUNDS)
    against = "bf16" if "bf16" in compiled else REFERENCE
    for kind, each in compiled.items():
        apart = difference(embed(each, crops), reference)
        yield QuantiseRow(
            kind=kind,
            int8_convolutions=len(recipe.layers) if kind == "int8" else 0,
            mean_cosine=round(apart.mean_cosine, 5),
            worst_cosine=round(apart.worst_cosine, 4),
            distance_rms=round(apart.distance_rms, 4),
            ms_a_face_batch_1=round(times[kind].ms_a_face_batch_1, 2),
            ms_a_face_batch_16=round(times[kind].ms_a_face_batch_16, 2),
            against=against,
            ratio=round(times[kind].ms_a_face_batch_16 / times[against].ms_a_face_batch_16, 3),
        )


def _ranking(network: onnx.ModelProto, recipe: QuantisationRecipe, crops: U8) -> Iterator[RankRow]:
    """Every convolution of the recipe in int8 alone, after all of them together."""
    reference = embed(compile_network(network, "f32"), crops)
    together = difference(embed(compile_network(quantised(network, recipe), "f32"), crops), reference)
    yield RankRow(
        "all", together.mean_cosine, together.worst_cosine, round(together.distance_rms, 4), "all", 1.0
    )
    values = weights_of(network, convolutions(network))
    for layer in recipe.layers:
        one = QuantisationRecipe((layer,), weights_digest(values, [layer.weight]), recipe.about)
        apart = difference(embed(compile_network(quantised(network, one), "f32"), crops), reference)
        yield RankRow(
            convolution=layer.weight,
            mean_cosine=round(apart.mean_cosine, 6),
            worst_cosine=round(apart.worst_cosine, 5),
            distance_rms=round(apart.distance_rms, 5),
            against="all",
            ratio=round(apart.distance_rms / together.distance_rms, 3),
        )


def _line(row: QuantiseRow) -> str:
    return (
        f"{row.kind:5} {row.int8_convolutions:4} convolutions in int8  cosine {row.mean_cosine:.5f}, worst "
        f"{row.worst_cosine:.4f}  distances ± {row.distance_rms:.4f}  ms a face {row.ms_a_face_batch_1:6.2f} alone "
        f"{row.ms_a_face_batch_16:6.2f} of 16  x{row.ratio:.2f} of {row.against}"
    )


def _rank_line(row: RankRow) -> str:
    return (
        f"{row.convolution:36} cosine {row.mean_cosine:.6f}, worst {row.worst_cosine:.5f}  "
        f"distances ± {row.distance_rms:.5f}  x{row.ratio:.2f} of {row.against}"
    )


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="run_pipeline.py bench quantise", description="An embedder in int8."
    )
    parser.add_argument("--people", type=Path, required=True, help="folder or tar archive, a folder a person")
    parser.add_argument("--model", default="", help="an embedder of models.yaml; default: embedding.model")
    parser.add_argument("--out", type=Path, default=None, metavar="FILE.npz", help="write the int8 file here")
    parser.add_argument(
        "--keep", action="append", default=[], metavar="NAME", help="a convolution left float"
    )
    parser.add_argument("--rank", action="store_true", help="what each convolution costs alone; minutes")
    parser.add_argument("--seed", type=int, default=0, help="which people ranges are taken from")
    parser.add_argument("--threads", type=int, default=0, help="for the times; default: all cores")
    parser.add_argument("--data", type=Path, default=None, help="data folder")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    parser.add_argument("--json", action="store_true", help="JSON Lines")
    options = parser.parse_args(argv)
    if options.out is not None and options.out.suffix != ".npz":
        parser.error(f"--out {options.out}: the file's name must end in .npz")
    return options
