"""Where and how inference runs: engine, precision, threads. Never part of what a model is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal, get_args

from core_embeddings.errors import ConfigError

EngineName = Literal["auto", "torch", "openvino"]
Precision = Literal["auto", "float32", "bfloat16"]

ENGINE_VARIABLE: Final = "TUWEN_ENGINE"
PRECISION_VARIABLE: Final = "TUWEN_PRECISION"


@dataclass(frozen=True)
class Runtime:
    """How frozen networks and text towers are run.

    It is a property of the machine, not of an embedder: whatever is chosen has to agree with
    float32 in torch (see `engines`), so it is in no fingerprint and a shop moves between machines.

    Parameters
    ----------
    engine
        ``auto`` takes the fastest that is installed and agrees; ``torch`` or ``openvino`` (extra
        ``[fast]``) only that one.
    precision
        ``auto`` uses bfloat16 where the machine has it and it agrees; ``float32`` never does.
    workers
        Threads that decode and compute, each with one thread of its own; 0 for one per core that
        this process may use.

    Raises
    ------
    ConfigError
        If a value is out of its range.
    """

    engine: EngineName = "auto"
    precision: Precision = "auto"
    workers: int = 0

    def __post_init__(self) -> None:
        for name, variable, allowed in (
            ("engine", ENGINE_VARIABLE, EngineName),
            ("precision", PRECISION_VARIABLE, Precision),
        ):
            value = getattr(self, name)
            if value not in get_args(allowed):
                raise ConfigError(
                    f"embedder.{name}, or ${variable}, must be one of "
                    f"{', '.join(get_args(allowed))}; got {value!r}"
                )
        if self.workers < 0:
            raise ConfigError(f"runtime.workers must be at least 0; got {self.workers}")

    @classmethod
    def chosen(cls, engine: str = "auto", precision: str = "auto") -> Runtime:
        """Return the settings; ``$TUWEN_ENGINE`` and ``$TUWEN_PRECISION`` win where they are set.

        Raises
        ------
        ConfigError
            If a variable or a setting holds another word than those above.
        """
        return cls(
            engine=os.environ.get(ENGINE_VARIABLE) or engine,  # type: ignore[arg-type]  # checked
            precision=os.environ.get(PRECISION_VARIABLE) or precision,  # type: ignore[arg-type]
        )

    @property
    def threads(self) -> int:
        """Threads at work at once, at least 1."""
        return self.workers or available_cores()


def available_cores() -> int:
    """Return how many cores this process may use, which a container may have made fewer."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Give torch so many threads per operation for a while, in this thread and those it starts.

    Threads that run side by side want one each: with more they wait for one another.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
