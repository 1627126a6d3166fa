import json

import pytest
import torch
from torch import nn

from core_embeddings.errors import ArtefactError, ConfigError, TuwenError
from core_embeddings.trainer import Trainer, TrainerConfig


class Cut(Exception):
    """A kill, as a test can have it."""


def batches(epoch):
    generator = torch.Generator().manual_seed(epoch)
    for _ in range(3):
        x = torch.randn(8, 4, generator=generator)
        yield x, x @ torch.tensor([1.0, -2.0, 0.5, 3.0])


def make(path=None, *, epochs=5, on_epoch=None, identity="a", patience=6):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.2), nn.Linear(8, 1))
    config = TrainerConfig(epochs=epochs, learning_rate=0.02, patience=patience)
    trainer = Trainer(
        module, config, steps_per_epoch=3, on_epoch=on_epoch, checkpoint=path, identity=identity
    )

    def loss(batch):
        return ((module(batch[0])[:, 0] - batch[1]) ** 2).mean()

    def validate():
        return {"score": -sum(float(loss(b)) for b in batches(999))}

    return module, trainer, loss, validate


def weights(module):
    return torch.cat([p.detach().flatten() for p in module.parameters()])


def test_training_lowers_the_validation_loss():
    _, trainer, loss, validate = make(epochs=20)
    history = trainer.fit(batches, loss, validate)
    assert history.best_score > 0.5 * history.epochs[0]["score"]
    assert len(history.epochs) == 20


@pytest.mark.parametrize("cut_after", [0, 1, 3])
def test_a_cut_run_continues_to_identical_weights(tmp_path, cut_after):
    module, trainer, loss, validate = make()
    trainer.fit(batches, loss, validate)
    whole = weights(module)

    def cut(epoch, metrics):
        if epoch == cut_after:
            raise Cut

    path = tmp_path / "checkpoint"
    _, trainer, loss, validate = make(path, on_epoch=cut)
    with pytest.raises(Cut):
        trainer.fit(batches, loss, validate)
    module, trainer, loss, validate = make(path)
    torch.manual_seed(1234)  # a new process has another random state
    history = trainer.fit(batches, loss, validate)
    assert torch.equal(weights(module), whole)
    assert len(history.epochs) == 5


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


def test_bad_settings_are_refused():
    with pytest.raises(ConfigError, match="epochs and patience must be at least 1; got 0 and 6"):
        TrainerConfig(epochs=0)
    with pytest.raises(ConfigError, match="learning_rate must be positive"):
        TrainerConfig(learning_rate=0.0)
