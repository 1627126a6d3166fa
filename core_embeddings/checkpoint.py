"""Where a training stands, as one file: weights, optimizer, schedule and generator of one moment.

One file, written aside, synced and renamed, so that weights and counters can never be of two
different moments, and a kill while writing leaves the checkpoint before it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from core_embeddings.artefact import write_bytes
from core_embeddings.errors import ArtefactError


class Checkpoint(NamedTuple):
    """A moment of a training.

    Attributes
    ----------
    notes
        Counters and metrics, all that JSON can hold; floats come back bit for bit.
    tensors
        The rest, by name.
    """

    notes: dict[str, Any]
    tensors: dict[str, Tensor]


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint; the file holds the old moment or the new one, never a part."""
    copies = {name: value.contiguous().clone() for name, value in checkpoint.tensors.items()}
    write_bytes(path, save(copies, {"notes": json.dumps(checkpoint.notes)}))


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises
    ------
    ArtefactError
        If the file is no checkpoint.
    """
    payload = path.read_bytes()
    try:
        header = json.loads(payload[8 : 8 + int.from_bytes(payload[:8], "little")])
        return Checkpoint(json.loads(header["__metadata__"]["notes"]), load(payload))
    except (ValueError, KeyError, SafetensorError) as error:
        raise ArtefactError(
            f"{path} is not a checkpoint ({error}); remove it to start over"
        ) from None


def under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors whose names begin with ``prefix``, without it."""
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return an optimizer's moments by ``number of the parameter.name of the slot``."""
    slots = optimizer.state_dict()["state"]
    return {f"{n}.{slot}": value for n, several in slots.items() for slot, value in several.items()}


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Give an optimizer the moments of `optimizer_tensors`."""
    slots: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        number, slot = name.split(".")
        slots.setdefault(int(number), {})[slot] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": slots})


def restore_schedule(schedule: torch.optim.lr_scheduler.LambdaLR, step: int) -> None:
    """Set a schedule, and the rates of its optimizer, to where they stand after ``step`` steps."""
    rates = [
        base * factor(step)
        for base, factor in zip(schedule.base_lrs, schedule.lr_lambdas, strict=True)
    ]
    schedule.load_state_dict({**schedule.state_dict(), "last_epoch": step, "_last_lr": rates})
    for group, rate in zip(schedule.optimizer.param_groups, rates, strict=True):
        group["lr"] = rate
