"""`train --list`: the networks that can be trained, counted, beside the paper's figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.commands.context import Context
from pipeline.commands.training.run_file import HEAD
from pipeline.commands.training.trunk_features import trunk_model

if TYPE_CHECKING:
    from engines.networks.counting import Counted
    from engines.networks.family import Member

TRUNK_FEATURES = 1792
DASH = "-"


def list_networks(context: Context, dimension: int) -> None:
    """Print name, input, parameters and multiply-adds of each, for vectors of this dimension."""
    import torch

    from engines.networks.counting import counted
    from engines.networks.family import MEMBERS

    with torch.device("meta"):  # shapes alone: NN1's weights would be 560 MB
        found = [(each, counted(each.make(dimension), each.side_px)) for each in MEMBERS]
    if context.json:
        for each, count in found:
            context.print_json(_record(each, count, dimension))
        context.print_json(_head_record(context, dimension))
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("NETWORK", "INPUT", "PARAMETERS", "MULTIPLY-ADDS"):
        table.add_column(heading, justify="left" if heading == "NETWORK" else "right")
    for heading in ("INPUT", "PARAMETERS", "MULTIPLY-ADDS", "VAL"):
        table.add_column(f"PAPER'S {heading}", justify="right")
    table.add_column("", overflow="fold")
    for each, count in found:
        table.add_row(*_cells(each, count), each.title)
    about = f"a layer on the frozen trunk of {trunk_model(context).name}"
    own = short(head_parameters(dimension))
    table.add_row(HEAD, "160x160", own, own, *[DASH] * 4, about)
    context.print(table)
    context.print()
    context.print(
        f"Counted for {dimension} dimensions; VAL: of the paper's own photos, at FAR 1e-3. Start one: "
        "python run_pipeline.py train PEOPLE --network NAME"
    )


def head_parameters(dimension: int) -> int:
    """Weights and biases of a head."""
    return (TRUNK_FEATURES + 1) * dimension


def short(count: int) -> str:
    """A large number with three digits.

    >>> short(950), short(7_512_345), short(1_600_000_000)
    ('950', '7.51M', '1.60B')
    """
    for size, letter in ((10**9, "B"), (10**6, "M"), (10**3, "K")):
        if count >= size:
            return f"{count / size:#.3g}".rstrip(".") + letter
    return str(count)


def _cells(each: Member, count: Counted) -> tuple[str, ...]:
    paper = each.paper
    own = (each.name, f"{each.side_px}x{each.side_px}", short(count.parameters), short(count.multiply_adds))
    if paper is None:
        return (*own, *[DASH] * 4)
    parameters = DASH if paper.parameters is None else short(paper.parameters)
    adds = DASH if paper.multiply_adds is None else "-".join(dict.fromkeys(map(short, paper.multiply_adds)))
    return (*own, paper.input, parameters, adds, DASH if paper.val is None else f"{100 * paper.val:.1f} %")


def _record(each: Member, count: Counted, dimension: int) -> dict[str, object]:
    paper = each.paper
    return {
        "network": each.name,
        "title": each.title,
        "side_px": each.side_px,
        "dimension": dimension,
        "parameters": count.parameters,
        "multiply_adds": count.multiply_adds,
        "paper": None
        if paper is None
        else {
            "input": paper.input,
            "parameters": paper.parameters,
            "multiply_adds": paper.multiply_adds,
            "val_at_far_1e-3": paper.val,
        },
    }


def _head_record(context: Context, dimension: int) -> dict[str, object]:
    return {
        "network": HEAD,
        "title": f"a layer on the frozen trunk of {trunk_model(context).name}",
        "side_px": 160,
        "dimension": dimension,
        "parameters": head_parameters(dimension),
        "multiply_adds": TRUNK_FEATURES * dimension,
        "paper": None,
    }
