import copy
import math

import pytest
import torch
from torch import nn

from core_embeddings.checkpoint import (
    Checkpoint,
    optimizer_tensors,
    read_checkpoint,
    restore_optimizer,
    restore_schedule,
    under,
    write_checkpoint,
)
from core_embeddings.errors import ArtefactError


def training():
    torch.manual_seed(3)
    module = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1))
    groups = [
        {"params": module[0].parameters(), "lr": 0.3},
        {"params": module[1].parameters(), "lr": 0.01},
    ]
    optimizer = torch.optim.AdamW(groups)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + step))
    return module, optimizer, schedule


def step(module, optimizer, schedule, seed):
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(seed))
    optimizer.zero_grad()
    module(x).square().mean().backward()
    optimizer.step()
    schedule.step()


def test_notes_and_tensors_come_back_bit_for_bit(tmp_path):
    notes = {"loss": 0.1 + 0.2, "none": -math.inf, "history": [{"score": 1 / 3}], "name": "鞋"}
    tensors = {"a.x": torch.tensor([0.1, -0.0, math.nan]), "b": torch.arange(3, dtype=torch.uint8)}
    write_checkpoint(tmp_path / "c", Checkpoint(notes, tensors))
    found = read_checkpoint(tmp_path / "c")
    assert found.notes == notes
    for name, value in tensors.items():
        assert found.tensors[name].dtype == value.dtype
        assert found.tensors[name].numpy().tobytes() == value.numpy().tobytes()


def test_tensors_that_share_memory_can_be_written(tmp_path):
    whole = torch.arange(6.0)
    write_checkpoint(tmp_path / "c", Checkpoint({}, {"one": whole, "two": whole[2:]}))
    assert torch.equal(read_checkpoint(tmp_path / "c").tensors["two"], whole[2:])


def test_a_write_leaves_no_other_file(tmp_path):
    for value in (1.0, 2.0):
        write_checkpoint(tmp_path / "c", Checkpoint({}, {"x": torch.tensor(value)}))
    assert [path.name for path in tmp_path.iterdir()] == ["c"]
    assert read_checkpoint(tmp_path / "c").tensors["x"] == 2.0


@pytest.mark.parametrize("payload", [b"", b"not a checkpoint", b"\x02\0\0\0\0\0\0\0{}"])
def test_what_is_no_checkpoint_is_refused_by_name(tmp_path, payload):
    path = tmp_path / "c"
    path.write_bytes(payload)
    with pytest.raises(ArtefactError, match=r"c is not a checkpoint .*; remove it to start over"):
        read_checkpoint(path)


def test_a_file_that_lost_its_end_is_refused_by_name(tmp_path):
    path = tmp_path / "c"
    write_checkpoint(path, Checkpoint({}, {"x": torch.zeros(10)}))
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(ArtefactError, match=r"c is not a checkpoint .*; remove it to start over"):
        read_checkpoint(path)


def test_under_keeps_a_prefix_and_drops_it():
    one, two = torch.tensor(1), torch.tensor(2)
    assert under("a.", {"a.x": one, "ab": two, "b.a.x": two}) == {"x": one}


def test_optimizer_and_schedule_go_on_where_they_stood_in_every_group():
    module, optimizer, schedule = training()
    for seed in range(4):
        step(module, optimizer, schedule, seed)
    weights, slots = copy.deepcopy(module.state_dict()), optimizer_tensors(optimizer)
    slots = {name: value.clone() for name, value in slots.items()}
    for seed in range(4, 8):
        step(module, optimizer, schedule, seed)
    again, other, its = training()
    again.load_state_dict(weights)
    restore_optimizer(other, slots)
    restore_schedule(its, 4)
    assert [group["lr"] for group in other.param_groups] == pytest.approx([0.3 / 5, 0.01 / 5])
    for seed in range(4, 8):
        step(again, other, its, seed)
    for name, value in module.state_dict().items():
        assert torch.equal(again.state_dict()[name], value), name
    assert its.get_last_lr() == schedule.get_last_lr()
