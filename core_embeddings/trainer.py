"""The training loop: epochs, schedule, early stop, checkpoints. Knows no model and no tracker."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from core_embeddings.checkpoint import (
    Checkpoint,
    optimizer_tensors,
    read_checkpoint,
    restore_optimizer,
    restore_schedule,
    under,
    write_checkpoint,
)
from core_embeddings.errors import ConfigError, TuwenError

BatchT = TypeVar("BatchT")
CHECKPOINT_VERSION = 2
"""Raised when a checkpoint, or what the batches of a place are, changes meaning."""


@dataclass(frozen=True)
class TrainerConfig:
    """How to optimise.

    Parameters
    ----------
    epochs
        Upper limit of passes over the data.
    learning_rate, weight_decay
        Of AdamW; weight decay is the L2 regularisation.
    warmup_share
        Share of all steps with a linearly rising rate; a cosine falls to 2 % after it.
    patience
        Epochs without a better validation score before stopping.
    clip_norm
        Upper limit of the gradient norm.
    checkpoint_seconds
        How much work a cut may cost: inside an epoch a checkpoint is written this often (0: after
        every batch). It changes no weight.
    """

    epochs: int = 30
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    warmup_share: float = 0.05
    patience: int = 6
    clip_norm: float = 1.0
    checkpoint_seconds: float = 30.0

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.patience < 1:
            raise ConfigError(
                f"epochs and patience must be at least 1; got {self.epochs} and {self.patience}"
            )
        if not self.learning_rate > 0:
            raise ConfigError(f"learning_rate must be positive; got {self.learning_rate}")
        if not self.checkpoint_seconds >= 0:
            raise ConfigError(
                f"checkpoint_seconds must be at least 0; got {self.checkpoint_seconds}"
            )


@dataclass
class History:
    """What training did: one mapping of metrics per epoch, and which epoch was kept."""

    epochs: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = -1
    best_score: float = -math.inf


@dataclass
class _Epoch:
    """How far the epoch at hand has come: batches done, and the sum of their losses."""

    done: int = 0
    total: float = 0.0


class Trainer:
    """Fit a module by stochastic gradients and keep its best epoch.

    Parameters
    ----------
    module
        What is trained, in place.
    config
        How.
    steps_per_epoch
        Batches per epoch, for the schedule.
    on_epoch
        Called after each epoch with its number (from 0) and its metrics.
    checkpoint
        File to continue from, written after each epoch and inside long ones; None for none.
    identity
        Digest of all that decides the outcome; a checkpoint of another identity is not used.
    rates
        Learning rates of their own for parameters whose names begin with the key.

    Notes
    -----
    A module whose batches depend only on the seed, the epoch and their place in it, and whose
    random layers draw from the global CPU generator, ends in the same weights on one thread
    whether it was cut or not: the state of that generator is part of the checkpoint. A loss must
    keep no state of its own from batch to batch.
    """

    def __init__(
        self,
        module: nn.Module,
        config: TrainerConfig,
        *,
        steps_per_epoch: int,
        on_epoch: Callable[[int, Mapping[str, float]], None] | None = None,
        checkpoint: Path | None = None,
        identity: str = "",
        rates: Mapping[str, float] | None = None,
    ) -> None:
        self.module = module
        self.config = config
        self.on_epoch = on_epoch
        self.checkpoint = checkpoint
        self.identity = identity
        self.history = History()
        self._best: dict[str, Tensor] = {}
        self._epoch = _Epoch()
        self._written = time.monotonic()
        self.optimizer = torch.optim.AdamW(
            _groups(module, rates or {}), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer, _warm_cosine(config, steps_per_epoch)
        )

    def fit(
        self,
        batches: Callable[[int, int], Iterable[BatchT]],
        loss: Callable[[BatchT], Tensor],
        validate: Callable[[], Mapping[str, float]],
    ) -> History:
        """Train until the last epoch or until patience runs out, then restore the best epoch.

        Parameters
        ----------
        batches
            Gives the batches of an epoch, by its number, from the given place in it on.
        loss
            Gives a batch's loss, a scalar tensor.
        validate
            Gives metrics, among them ``score``: higher is better.

        Raises
        ------
        TuwenError
            If the loss is not finite.
        """
        self._resume()
        for epoch in range(len(self.history.epochs), self.config.epochs):
            if self._out_of_patience(epoch):
                break
            self._run_epoch(batches(epoch, self._epoch.done), loss, epoch)
            self.module.eval()
            with torch.no_grad():
                metrics = {"loss": self._epoch.total / max(self._epoch.done, 1), **validate()}
            self._note(epoch, metrics)
        self.module.load_state_dict(self._best)
        self.module.eval()
        return self.history

    def _run_epoch(
        self, batches: Iterable[BatchT], loss: Callable[[BatchT], Tensor], epoch: int
    ) -> None:
        self.module.train()
        for batch in batches:
            self.optimizer.zero_grad(set_to_none=True)
            value = loss(batch)
            if not bool(torch.isfinite(value)):
                raise TuwenError(
                    f"the loss became {value.item()} in epoch {epoch + 1}, "
                    f"batch {self._epoch.done + 1}; lower embedder.learning_rate"
                )
            value.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.module.parameters(), self.config.clip_norm)
            self.optimizer.step()
            self.schedule.step()
            self._epoch = _Epoch(self._epoch.done + 1, self._epoch.total + value.item())
            if time.monotonic() - self._written >= self.config.checkpoint_seconds:
                self._write()

    def _note(self, epoch: int, metrics: dict[str, float]) -> None:
        self.history.epochs.append(metrics)
        if metrics["score"] > self.history.best_score:
            self.history.best_score, self.history.best_epoch = metrics["score"], epoch
            self._best = {k: v.detach().clone() for k, v in self.module.state_dict().items()}
        self._epoch = _Epoch()
        self._write()
        if self.on_epoch is not None:
            self.on_epoch(epoch, metrics)

    def _out_of_patience(self, epoch: int) -> bool:
        return epoch - self.history.best_epoch > self.config.patience and bool(self.history.epochs)

    def _write(self) -> None:
        if self.checkpoint is None:
            return
        slots = optimizer_tensors(self.optimizer)
        tensors = {f"module.{k}": v for k, v in self.module.state_dict().items()}
        tensors |= {f"best.{k}": v for k, v in self._best.items()}
        tensors |= {f"optimizer.{k}": v for k, v in slots.items()}
        tensors["generator"] = torch.get_rng_state()
        notes = {
            "version": CHECKPOINT_VERSION,
            "identity": self.identity,
            "history": self.history.epochs,
            "best_epoch": self.history.best_epoch,
            "best_score": self.history.best_score,
            "schedule_step": self.schedule.last_epoch,
            "batches_done": self._epoch.done,
            "loss_so_far": self._epoch.total,
        }
        write_checkpoint(self.checkpoint, Checkpoint(notes, tensors))
        self._written = time.monotonic()

    def _resume(self) -> None:
        if self.checkpoint is None or not self.checkpoint.exists():
            return
        notes, tensors = read_checkpoint(self.checkpoint)
        if (notes.get("version"), notes["identity"]) != (CHECKPOINT_VERSION, self.identity):
            return
        self.module.load_state_dict(under("module.", tensors))
        self._best = under("best.", tensors)
        restore_optimizer(self.optimizer, under("optimizer.", tensors))
        restore_schedule(self.schedule, notes["schedule_step"])
        self.history = History(notes["history"], notes["best_epoch"], notes["best_score"])
        self._epoch = _Epoch(notes["batches_done"], notes["loss_so_far"])
        torch.set_rng_state(tensors["generator"])


def _groups(module: nn.Module, rates: Mapping[str, float]) -> list[dict[str, Any]]:
    """Return the parameters that train, in one group per learning rate."""
    groups: dict[str, list[nn.Parameter]] = {}
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            own = next((prefix for prefix in rates if name.startswith(prefix)), "")
            groups.setdefault(own, []).append(parameter)
    return [
        {"params": several} | ({"lr": rates[own]} if own else {}) for own, several in groups.items()
    ]


def _warm_cosine(config: TrainerConfig, steps_per_epoch: int) -> Callable[[int], float]:
    total = max(1, config.epochs * steps_per_epoch)
    warm = max(1, round(config.warmup_share * total))

    def factor(step: int) -> float:
        if step < warm:
            return (step + 1) / warm
        progress = min(1.0, (step - warm) / max(1, total - warm))
        return 0.02 + 0.98 * (1 + math.cos(math.pi * progress)) / 2

    return factor
