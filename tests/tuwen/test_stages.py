"""Stages: done once per inputs, skipped after that, never half done."""

import pytest

from tuwen.stages import StageOutput, Stages


class Work:
    """Writes a file and counts how often it did."""

    def __init__(self, root, *, dies=False):
        self.root, self.calls, self.dies = root, 0, dies

    def __call__(self):
        self.calls += 1
        if self.dies:
            raise KeyboardInterrupt
        (self.root / "made.txt").write_text("x")
        return StageOutput(("made.txt",), {"rows": 3})


def test_a_stage_with_equal_digest_is_skipped_and_keeps_its_counts(tmp_path):
    work = Work(tmp_path)
    first = Stages(tmp_path).run("read", "d1", work)
    second = Stages(tmp_path).run("read", "d1", work)
    assert (first.skipped, second.skipped, work.calls) == (False, True, 1)
    assert second.counts == {"rows": 3} and second.seconds == first.seconds


def test_a_stage_with_another_digest_runs_again(tmp_path):
    work = Work(tmp_path)
    for digest in ("d1", "d2", "d1"):
        assert not Stages(tmp_path).run("read", digest, work).skipped
    assert work.calls == 3


def test_a_stage_whose_output_is_gone_runs_again(tmp_path):
    work = Work(tmp_path)
    Stages(tmp_path).run("read", "d1", work)
    (tmp_path / "made.txt").unlink()
    assert not Stages(tmp_path).is_done("read", "d1")
    Stages(tmp_path).run("read", "d1", work)
    assert work.calls == 2


def test_a_killed_stage_leaves_no_marker_even_of_older_inputs(tmp_path):
    stages = Stages(tmp_path)
    stages.run("read", "d1", Work(tmp_path))
    with pytest.raises(KeyboardInterrupt):
        stages.run("read", "d2", Work(tmp_path, dies=True))
    assert not stages.is_done("read", "d1") and not stages.is_done("read", "d2")
    assert list((tmp_path / "stages").iterdir()) == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"digest": "d1"}'])
def test_a_damaged_marker_means_not_done(tmp_path, text):
    stages = Stages(tmp_path)
    stages.run("read", "d1", Work(tmp_path))
    (tmp_path / "stages" / "read.json").write_text(text)
    assert not stages.is_done("read", "d1")


def test_only_a_stage_that_runs_is_announced(tmp_path):
    heard = []
    stages = Stages(tmp_path, announce=heard.append)
    for _ in range(2):
        stages.run("read", "d1", Work(tmp_path))
    assert heard == ["read"]
