"""The training loop: epochs, schedule, early stop, checkpoints. Knows no model and no tracker."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from core_embeddings.artefact import write_bytes
from core_embeddings.errors import ArtefactError, ConfigError, TuwenError

BatchT = TypeVar("BatchT")


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
    """

    epochs: int = 30
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    warmup_share: float = 0.05
    patience: int = 6
    clip_norm: float = 1.0

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.patience < 1:
            raise ConfigError(
                f"epochs and patience must be at least 1; got {self.epochs} and {self.patience}"
            )
        if not self.learning_rate > 0:
            raise ConfigError(f"learning_rate must be positive; got {self.learning_rate}")


@dataclass
class History:
    """What training did: one mapping of metrics per epoch, and which epoch was kept."""

    epochs: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = -1
    best_score: float = -math.inf


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
        File to continue from and to write after each epoch; None for none.
    identity
        Digest of all that decides the outcome; a checkpoint of another identity is not used.

    Notes
    -----
    A module whose batches of epoch e depend only on the seed and e, and whose random layers draw
    from the global CPU generator, ends in the same weights whether it was cut or not: the state
    of that generator is part of the checkpoint.
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
    ) -> None:
        self.module = module
        self.config = config
        self.on_epoch = on_epoch
        self.checkpoint = checkpoint
        self.identity = identity
        self.history = History()
        self._best: dict[str, Tensor] = {}
        parameters = [p for p in module.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(
            parameters, lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer, _warm_cosine(config, steps_per_epoch)
        )

    def fit(
        self,
        batches: Callable[[int], Iterable[BatchT]],
        loss: Callable[[BatchT], Tensor],
        validate: Callable[[], Mapping[str, float]],
    ) -> History:
        """Train until the last epoch or until patience runs out, then restore the best epoch.

        Parameters
        ----------
        batches
            Gives the batches of an epoch, by its number.
        loss
            Gives a batch's loss, a scalar tensor.
        validate
            Gives metrics, among them ``score``: higher is better.

        Raises
        ------
        TuwenError
            If the loss is not finite.
        """
        start = self._resume()
        for epoch in range(start, self.config.epochs):
            if self._out_of_patience(epoch):
                break
            train_loss = self._run_epoch(batches(epoch), loss, epoch)
            self.module.eval()
            with torch.no_grad():
                metrics = {"loss": train_loss, **validate()}
            self._note(epoch, metrics)
        self.module.load_state_dict(self._best)
        self.module.eval()
        return self.history

    def _run_epoch(
        self, batches: Iterable[BatchT], loss: Callable[[BatchT], Tensor], epoch: int
    ) -> float:
        self.module.train()
        total, count = 0.0, 0
        for batch in batches:
            self.optimizer.zero_grad(set_to_none=True)
            value = loss(batch)
            if not bool(torch.isfinite(value)):
                raise TuwenError(
                    f"the loss became {value.item()} in epoch {epoch + 1}, batch {count + 1}; "
                    "lower embedder.learning_rate"
                )
            value.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.module.parameters(), self.config.clip_norm)
            self.optimizer.step()
            self.schedule.step()
            total, count = total + value.item(), count + 1
        return total / max(count, 1)

    def _note(self, epoch: int, metrics: dict[str, float]) -> None:
        self.history.epochs.append(metrics)
        if metrics["score"] > self.history.best_score:
            self.history.best_score, self.history.best_epoch = metrics["score"], epoch
            self._best = {k: v.detach().clone() for k, v in self.module.state_dict().items()}
        if self.checkpoint is not None:
            self._write_checkpoint(self.checkpoint)
        if self.on_epoch is not None:
            self.on_epoch(epoch, metrics)

    def _out_of_patience(self, epoch: int) -> bool:
        return epoch - self.history.best_epoch > self.config.patience and bool(self.history.epochs)

    def _write_checkpoint(self, path: Path) -> None:
        state = self.optimizer.state_dict()
        tensors = {f"module.{k}": v for k, v in self.module.state_dict().items()}
        tensors |= {f"best.{k}": v for k, v in self._best.items()}
        for number, slots in state["state"].items():
            tensors |= {f"optimizer.{number}.{slot}": value for slot, value in slots.items()}
        tensors["generator"] = torch.get_rng_state()
        notes = {
            "identity": self.identity,
            "history": self.history.epochs,
            "best_epoch": self.history.best_epoch,
            "best_score": self.history.best_score,
            "schedule_step": self.schedule.last_epoch,
        }
        # One file, so that weights and counters can never be of two different epochs.
        payload = save(
            {k: v.contiguous().clone() for k, v in tensors.items()}, {"notes": json.dumps(notes)}
        )
        write_bytes(path, payload)

    def _resume(self) -> int:
        if self.checkpoint is None or not self.checkpoint.exists():
            return 0
        notes, tensors = _read_checkpoint(self.checkpoint)
        if notes["identity"] != self.identity:
            return 0
        self._load(notes, tensors)
        return len(self.history.epochs)

    def _load(self, notes: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        self.module.load_state_dict(_under("module.", tensors))
        self._best = _under("best.", tensors)
        state = self.optimizer.state_dict()
        slots: dict[int, dict[str, Tensor]] = {}
        for name, value in _under("optimizer.", tensors).items():
            number, slot = name.split(".")
            slots.setdefault(int(number), {})[slot] = value
        self.optimizer.load_state_dict({**state, "state": slots})
        schedule = self.schedule.state_dict()
        step = notes["schedule_step"]
        rates = [
            base * factor(step)
            for base, factor in zip(self.schedule.base_lrs, self.schedule.lr_lambdas, strict=True)
        ]
        self.schedule.load_state_dict({**schedule, "last_epoch": step, "_last_lr": rates})
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        self.history = History(notes["history"], notes["best_epoch"], notes["best_score"])
        torch.set_rng_state(tensors["generator"])


def _warm_cosine(config: TrainerConfig, steps_per_epoch: int) -> Callable[[int], float]:
    total = max(1, config.epochs * steps_per_epoch)
    warm = max(1, round(config.warmup_share * total))

    def factor(step: int) -> float:
        if step < warm:
            return (step + 1) / warm
        progress = min(1.0, (step - warm) / max(1, total - warm))
        return 0.02 + 0.98 * (1 + math.cos(math.pi * progress)) / 2

    return factor


def _read_checkpoint(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    payload = path.read_bytes()
    try:
        header = json.loads(payload[8 : 8 + int.from_bytes(payload[:8], "little")])
        return json.loads(header["__metadata__"]["notes"]), load(payload)
    except (ValueError, KeyError) as error:
        raise ArtefactError(
            f"{path} is not a checkpoint ({error}); remove it to start over"
        ) from None


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
