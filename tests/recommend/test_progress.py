from recommend.progress import Steps


def test_steps_of_several_fits_count_up_to_one_total():
    seen = []
    steps = Steps(lambda done, total: seen.append((done, total)), 3)
    for own_step, own_total in ((1, 2), (2, 2), (1, 1)):
        steps.step(own_step, own_total)
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_steps_without_a_listener_are_silent():
    Steps(None, 1).step()
