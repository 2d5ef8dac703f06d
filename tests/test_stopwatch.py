import pytest

from fercore.runtime.stopwatch import KEPT, Stopwatch


def test_mean_of_what_was_added() -> None:
    watch = Stopwatch()
    watch.add("detect", 0.010)
    watch.add("detect", 0.020)
    assert watch.mean_ms("detect") == pytest.approx(15)
    assert watch.durations_s("detect") == [0.010, 0.020]
    assert watch.mean_ms("draw") == 0.0


def test_a_stage_is_timed_and_one_that_raises_is_not() -> None:
    watch = Stopwatch()
    with watch.stage("crop"):
        pass
    with pytest.raises(ValueError, match="outside"), watch.stage("crop"):
        raise ValueError("outside")
    (duration_s,) = watch.durations_s("crop")
    assert 0 < duration_s < 1


def test_memory_stays_the_same_for_hours() -> None:
    watch = Stopwatch()
    for number in range(KEPT + 5):
        watch.add("detect", float(number))
    assert len(watch.durations_s("detect")) == KEPT
    assert watch.durations_s("detect")[0] == 5.0


def test_forgetting() -> None:
    watch = Stopwatch()
    watch.add("detect", 1.0)
    watch.clear()
    assert watch.mean_ms("detect") == 0.0
