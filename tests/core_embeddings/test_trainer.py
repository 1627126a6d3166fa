import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from core_embeddings.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from core_embeddings.errors import ArtefactError, ConfigError, TuwenError
from core_embeddings.runtime import torch_threads
from core_embeddings.trainer import Trainer, TrainerConfig


class Cut(Exception):
    """A kill, as a test can have it."""


STEPS = 3


def batches(epoch, first=0):
    for step in range(first, STEPS):
        generator = torch.Generator().manual_seed(STEPS * epoch + step)
        x = torch.randn(8, 4, generator=generator)
        yield x, x @ torch.tensor([1.0, -2.0, 0.5, 3.0])


def make(path=None, *, epochs=5, on_epoch=None, identity="a", patience=6, every=0.0):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.2), nn.Linear(8, 1))
    config = TrainerConfig(
        epochs=epochs, learning_rate=0.02, patience=patience, checkpoint_seconds=every
    )
    trainer = Trainer(
        module, config, steps_per_epoch=STEPS, on_epoch=on_epoch, checkpoint=path, identity=identity
    )

    def loss(batch):
        return ((module(batch[0])[:, 0] - batch[1]) ** 2).mean()

    def validate():
        return {"score": -sum(float(loss(b)) for b in batches(999))}

    return module, trainer, loss, validate


def weights(module):
    return torch.cat([value.flatten().double() for value in module.state_dict().values()])


def test_training_lowers_the_validation_loss():
    _, trainer, loss, validate = make(epochs=20, patience=20)
    history = trainer.fit(batches, loss, validate)
    assert history.best_score > 0.5 * history.epochs[0]["score"]
    assert len(history.epochs) == 20


@pytest.fixture(scope="module")
def whole():
    """A training that nobody cut: its history and its weights."""
    module, trainer, loss, validate = make()
    history = trainer.fit(batches, loss, validate)
    return history, weights(module)


def cut_at(trainer, loss, step):
    """Return a loss that raises before the given step's weights change, whatever the epoch."""

    def cutting(batch):
        if trainer.schedule.last_epoch == step:
            raise Cut
        return loss(batch)

    return cutting


@pytest.mark.parametrize("every", [0.0, 1e9])
@pytest.mark.parametrize("step", range(5 * STEPS))
def test_a_cut_at_any_step_ends_in_identical_weights(tmp_path, whole, step, every):
    """With a checkpoint after each step nothing is repeated, with one per epoch its beginning."""
    path = tmp_path / "checkpoint"
    _, trainer, loss, validate = make(path, every=every)
    with pytest.raises(Cut):
        trainer.fit(batches, cut_at(trainer, loss, step), validate)
    module, trainer, loss, validate = make(path, every=every)
    if path.exists():
        torch.manual_seed(1234)  # the state of the generator comes from the checkpoint
    asked = []
    history = trainer.fit(
        lambda epoch, first: asked.append((epoch, first)) or batches(epoch, first), loss, validate
    )
    assert history == whole[0]
    assert torch.equal(weights(module), whole[1])
    assert asked[0] == (divmod(step, STEPS) if every == 0 else (step // STEPS, 0))


@pytest.mark.parametrize("cut_after", [0, 1, 4])
def test_a_cut_between_two_epochs_ends_in_identical_weights(tmp_path, whole, cut_after):
    def cut(epoch, metrics):
        if epoch == cut_after:
            raise Cut

    path = tmp_path / "checkpoint"
    _, trainer, loss, validate = make(path, on_epoch=cut)
    with pytest.raises(Cut):
        trainer.fit(batches, loss, validate)
    module, trainer, loss, validate = make(path)
    torch.manual_seed(1234)
    assert trainer.fit(batches, loss, validate) == whole[0]
    assert torch.equal(weights(module), whole[1])


KILLED_TRAININGS = """
import os, random, signal, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import torch
from test_trainer import batches, make, weights
torch.set_num_threads(1)
path, rng = Path(sys.argv[2]), random.Random(5)

def train():
    module, trainer, loss, validate = make(path / "checkpoint", epochs=20)
    def slow(batch):
        time.sleep(0.005)
        return loss(batch)
    trainer.fit(batches, slow, validate)
    (path / "weights").write_bytes(weights(module).numpy().tobytes())
    os._exit(0)

for _ in range(4):
    child = os.fork()  # a process of its own, without the seconds of importing torch again
    if child == 0:
        train()
    time.sleep(rng.uniform(0.02, 0.25))  # of at least .3 seconds of training
    os.kill(child, signal.SIGKILL)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
train()
"""


def test_a_training_killed_at_random_moments_ends_in_identical_weights(tmp_path):
    module, trainer, loss, validate = make(epochs=20)
    with torch_threads(1):  # the promise is for one thread: sums of two differ in their last bits
        trainer.fit(batches, loss, validate)
    here, environment = str(Path(__file__).parent), {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", KILLED_TRAININGS, here, str(tmp_path)]
    subprocess.run(command, check=True, env=environment)
    assert (tmp_path / "weights").read_bytes() == weights(module).numpy().tobytes()


def test_a_checkpoint_of_another_identity_is_not_used(tmp_path):
    path = tmp_path / "checkpoint"
    for identity in ("a", "b"):
        _, trainer, loss, validate = make(path, epochs=2, identity=identity)
        seen = []
        trainer.on_epoch = lambda epoch, metrics, seen=seen: seen.append(epoch)
        trainer.fit(batches, loss, validate)
        assert seen == [0, 1]


def test_the_best_epoch_is_kept_and_patience_ends_the_run():
    module, trainer, loss, _ = make(epochs=9, patience=2)
    scores = iter([1.0, 5.0, 2.0, 3.0, 4.0, 6.0])
    snapshots = []

    def validate():
        snapshots.append(weights(module))
        return {"score": next(scores)}

    history = trainer.fit(batches, loss, validate)
    assert history.best_epoch == 1
    assert len(history.epochs) == 4  # epoch 1 was best; two worse ones followed
    assert torch.equal(weights(module), snapshots[1])


def test_a_loss_that_is_not_finite_is_refused_by_name():
    _, trainer, _, validate = make()
    with pytest.raises(TuwenError, match=r"loss became nan in epoch 1, batch 1; lower"):
        trainer.fit(batches, lambda b: torch.tensor(float("nan"), requires_grad=True), validate)


def test_a_damaged_checkpoint_is_named(tmp_path):
    path = tmp_path / "checkpoint"
    path.write_bytes(json.dumps({"no": "tensors"}).encode())
    _, trainer, loss, validate = make(path)
    with pytest.raises(ArtefactError, match="is not a checkpoint"):
        trainer.fit(batches, loss, validate)


def test_a_checkpoint_of_an_older_version_is_not_used(tmp_path):
    path = tmp_path / "checkpoint"
    _, trainer, loss, validate = make(path, epochs=1)
    trainer.fit(batches, loss, validate)
    notes, tensors = read_checkpoint(path)
    del notes["version"], notes["batches_done"]
    write_checkpoint(path, Checkpoint(notes, tensors))
    seen = []
    _, trainer, loss, validate = make(path, epochs=1, on_epoch=lambda e, m: seen.append(e))
    trainer.fit(batches, loss, validate)
    assert seen == [0]


def test_bad_settings_are_refused():
    with pytest.raises(ConfigError, match=r"checkpoint_seconds must be at least 0; got -1"):
        TrainerConfig(checkpoint_seconds=-1)
    with pytest.raises(ConfigError, match="epochs and patience must be at least 1; got 0 and 6"):
        TrainerConfig(epochs=0)
    with pytest.raises(ConfigError, match="learning_rate must be positive"):
        TrainerConfig(learning_rate=0.0)


def test_parameters_named_by_a_prefix_learn_at_a_rate_of_their_own_on_the_same_schedule():
    module = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 1))
    module[1].bias.requires_grad_(False)
    config = TrainerConfig(epochs=1, learning_rate=0.1, warmup_share=0.5)
    trainer = Trainer(module, config, steps_per_epoch=4, rates={"0.": 0.001})
    rates = {id(p): g["lr"] for g in trainer.optimizer.param_groups for p in g["params"]}
    assert rates == {
        id(module[0].weight): 0.0005,
        id(module[0].bias): 0.0005,
        id(module[1].weight): 0.05,
    }  # half of each: the first of two steps that warm up
