from tuwen.progress import LineProgress


def test_every_tenth_is_told_once_and_the_end_always():
    lines = []
    progress = LineProgress(lines.append, "images")
    for done in range(1, 1001):
        progress(done, 1000)
    assert len(lines) == 10
    assert lines[0] == "  images: 100 of 1000"
    assert lines[-1] == "  images: 1000 of 1000"


def test_kinds_of_work_are_counted_apart():
    lines = []
    progress = LineProgress(lines.append)
    progress.named("images", 5, 5)
    progress.named("epochs", 1, 2)
    progress.named("images", 5, 5)
    assert lines == ["  images: 5 of 5", "  epochs: 1 of 2"]
