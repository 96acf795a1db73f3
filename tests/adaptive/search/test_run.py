from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from networks import small_artifact, small_images
from searching import LinearCost, space_of

from adaptive.engine.library import is_built
from adaptive.engine.reference import ReferenceEngine
from adaptive.errors import ConfigError
from adaptive.search import meter
from adaptive.search.executors.choose import open_executor
from adaptive.search.executors.serial import SerialExecutor
from adaptive.search.meter import Bench, Images, Piece, measure_piece
from adaptive.search.points import CALIBRATE, REPORT, SEARCH
from adaptive.search.racing import Race
from adaptive.search.run import Found, Question, run_search
from adaptive.search.space import SearchSpace
from adaptive.search.surrogate import Surrogate

ARTIFACT = small_artifact()
SPACE = SearchSpace(
    ARTIFACT.layers, tuple((layer,) for layer in ARTIFACT.layers), ARTIFACT.bits
)  # fmt: skip
COUNTS = {SEARCH: 300, CALIBRATE: 40, REPORT: 50}


def sets() -> dict[str, Images]:
    found = {}
    for seed, (name, count) in enumerate(COUNTS.items()):
        labels = np.random.default_rng(seed).integers(0, 4, count)
        found[name] = Images(name, small_images(count, seed), labels)
    return found


def question(**changes: object) -> Question:
    return Question(
        ARTIFACT, SPACE, sets(), LinearCost((3.0, 2.0, 1.0)), 8, **({"floor": 0.5} | changes)
    )


def run(journal: Path, *, executor: object = None, **changes: object) -> Found:
    return run_search(
        question(**changes),
        Surrogate(),
        seed=0,
        executor=executor or SerialExecutor(),
        journal=journal,
    )


def plain(found: Found) -> object:
    return {level: [(p.mix, p.reported) for p in ps] for level, ps in found.points.items()}


def test_points_are_measured_as_the_engine_answers(tmp_path: Path) -> None:
    found = run(tmp_path / "journal")
    report = sets()[REPORT]
    engine = ReferenceEngine(ARTIFACT)
    assert set(found.points) == set(ARTIFACT.labels.levels)
    for level, points in found.points.items():
        for point in points:
            shares = engine.probabilities(report.images, SPACE.effort(point.mix))
            right = ARTIFACT.labels.correct(shares, report.labels, level=level)
            assert point.reported.accuracy == right.mean()
            assert found.reported[point.mix][level] == right.sum()


class Counting:
    """Counts the pieces it is given; fails after some, as a run that is killed."""

    def __init__(self, allowed: int = 10**9) -> None:
        self.done, self.allowed = 0, allowed

    def map(self, task, items: Iterable, *, shared) -> Iterator:
        for item in items:
            if self.done == self.allowed:
                raise KeyboardInterrupt
            self.done += 1
            yield task(shared, item)


def test_a_run_killed_after_any_piece_goes_on_and_repeats_nothing(tmp_path: Path) -> None:
    whole = Counting()
    expected = plain(run(tmp_path / "whole", executor=whole))
    assert whole.done > 4
    for kill_after in range(whole.done):
        journal = tmp_path / f"journal{kill_after}"
        with pytest.raises(KeyboardInterrupt):
            run(journal, executor=Counting(kill_after))
        rest = Counting()
        assert plain(run(journal, executor=rest)) == expected
        assert rest.done == whole.done - kill_after


def test_a_finished_search_started_again_measures_nothing(tmp_path: Path) -> None:
    expected = plain(run(tmp_path / "journal", race=Race()))
    again = Counting(0)
    assert plain(run(tmp_path / "journal", executor=again, race=Race())) == expected


def test_processes_find_the_same(tmp_path: Path) -> None:
    expected = plain(run(tmp_path / "one"))
    with open_executor(jobs=2) as executor:
        assert plain(run(tmp_path / "two", executor=executor)) == expected


def test_a_journal_of_other_images_is_refused(tmp_path: Path) -> None:
    run(tmp_path / "journal")
    other = sets()
    other[REPORT] = Images(REPORT, small_images(50, 9), other[REPORT].labels)
    with pytest.raises(ConfigError, match="images is"):
        run_search(
            Question(ARTIFACT, SPACE, other, LinearCost((3.0, 2.0, 1.0)), 8),
            Surrogate(),
            seed=0,
            executor=SerialExecutor(),
            journal=tmp_path / "journal",
        )


def test_progress_ends_at_one_and_never_falls(tmp_path: Path) -> None:
    shares: list[float] = []
    run_search(
        question(), Surrogate(), seed=0, executor=SerialExecutor(), journal=tmp_path / "journal",
        progress=shares.append,
    )  # fmt: skip
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_questions_that_do_not_fit_together_are_refused() -> None:
    with pytest.raises(ValueError, match="space is of other layers"):
        Question(ARTIFACT, space_of(3), sets(), LinearCost((1.0,)), 8)
    with pytest.raises(ValueError, match="sets is"):
        Question(ARTIFACT, SPACE, {}, LinearCost((1.0,)), 8)


def test_whichever_engine_measures_the_answers_are_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not is_built():
        pytest.skip("the native engine is not built: pip install -e .")
    bench = Bench(ARTIFACT, sets())
    piece = Piece(SEARCH, 10, 90, tuple(SPACE.effort(mix) for mix in SPACE.mixes()))
    found = []
    for speed in (0.0, 1e9):
        monkeypatch.setattr(meter, "NATIVE_SPEED", speed)
        found.append(measure_piece(bench, piece))
    assert np.array_equal(*found)
