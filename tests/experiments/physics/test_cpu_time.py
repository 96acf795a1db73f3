from experiments.physics.cpu_time import cpu_s


def test_a_call_is_repeated_until_its_time_can_be_measured():
    calls = []

    def work() -> None:
        calls.append(sum(range(20_000)))

    each_s = cpu_s(work, at_least_s=0.02)
    assert 0.0 < each_s < 0.02
    assert len(calls) * each_s > 0.02


def test_a_call_may_be_timed_once():
    calls = []
    assert cpu_s(lambda: calls.append(1), at_least_s=0.0) >= 0.0
    assert len(calls) == 2  # once to warm up
