import numpy as np
import pytest
import torch
from networks import small_images

from adaptive.arithmetic import Arithmetic
from models.calibrate import calibrate_ranges
from models.layers import SwitchableConv2d, SwitchableLinear
from models.network import SwitchableNetwork, chain
from models.pooling import GlobalAveraging
from models.ranges import Magnitudes, RangeMethod, choose_reach, quantisation_noise
from models.window import square


def magnitudes_of(values: np.ndarray) -> Magnitudes:
    greatest = float(np.abs(values).max())
    return Magnitudes(np.histogram(np.abs(values), 2048, (0.0, greatest))[0], greatest)


def noise_of(values: np.ndarray, reach: float) -> float:
    """Round to 8-bit codes and sum the squared errors."""
    step = reach / 127
    return float(((np.clip(np.rint(values / step), -127, 127) * step - values) ** 2).sum())


@pytest.mark.parametrize("tail", [1.0, 30.0])
def test_the_noise_is_estimated_close_to_that_of_real_rounding(tail: float) -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(0, 1, 100_000)
    values[:50] *= tail
    magnitudes = magnitudes_of(values)
    for share in (0.2, 0.5, 1.0):
        reach = share * magnitudes.greatest
        expected = noise_of(values, reach)
        assert quantisation_noise(magnitudes, reach, steps=127) == pytest.approx(expected, rel=0.1)


def test_a_long_tail_is_cut_where_that_lowers_the_noise_and_a_short_one_is_not() -> None:
    rng = np.random.default_rng(0)
    flat, tailed = rng.uniform(-1, 1, 100_000), rng.normal(0, 1, 1_000_000)
    tailed[:2] = 20.0
    assert choose_reach(magnitudes_of(flat), RangeMethod.SQNR, codes=32639) > 0.98
    magnitudes = magnitudes_of(tailed)
    reach = choose_reach(magnitudes, RangeMethod.SQNR, codes=32639)
    assert reach < 0.5 * magnitudes.greatest
    assert noise_of(tailed, reach) < 0.5 * noise_of(tailed, magnitudes.greatest)


def test_a_percentile_leaves_one_in_ten_thousand_beyond() -> None:
    values = np.abs(np.random.default_rng(0).normal(0, 1, 1_000_000))
    reach = choose_reach(magnitudes_of(values), RangeMethod.PERCENTILE, codes=65407)
    assert np.mean(values > reach) == pytest.approx(1e-4, rel=0.2)
    greatest = choose_reach(magnitudes_of(values), RangeMethod.GREATEST, codes=65407)
    assert greatest == values.max()


def test_magnitudes_of_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="expected some values"):
        Magnitudes(np.zeros(4, np.int64), 1.0)


def test_ranges_of_a_network_follow_the_method() -> None:
    torch.manual_seed(0)
    network = SwitchableNetwork(
        (6, 6, 2),
        chain(
            ("conv", SwitchableConv2d(2, 4, window=square(3), relu=False)),
            ("mean", GlobalAveraging(signed=True)),
            ("head", SwitchableLinear(4, 4, is_head=True)),
        ),
    )
    images = small_images(700)
    reach = {m: calibrate_ranges(network, images, method=m)["conv"] for m in RangeMethod}
    with torch.no_grad():
        values = network.trace(torch.from_numpy(images))["conv"].values.abs()
    assert reach[RangeMethod.GREATEST] == pytest.approx(float(values.max()))
    assert reach[RangeMethod.PERCENTILE] < reach[RangeMethod.GREATEST]
    assert reach[RangeMethod.SQNR] <= reach[RangeMethod.GREATEST]
    share = float((values > reach[RangeMethod.PERCENTILE]).float().mean())
    assert share == pytest.approx(1e-4, rel=0.5)
    scale = float(network.switchable["conv"].output_scale)
    assert scale == pytest.approx(reach[RangeMethod.SQNR] / 32639)


@pytest.mark.parametrize("method", list(RangeMethod))
def test_radix_codes_reach_to_a_power_of_two(method: RangeMethod) -> None:
    values = np.random.default_rng(0).normal(0, 1, 100_000)
    values[:2] = 40.0
    magnitudes, radix = magnitudes_of(values), Arithmetic.RADIX
    reach = choose_reach(magnitudes, method, codes=32639, arithmetic=radix)
    assert np.frexp(reach / 32639)[0] == 0.5
    if method is RangeMethod.GREATEST:
        assert reach / 2 < 40.0 <= reach
    others = [quantisation_noise(magnitudes, reach * by, steps=127, arithmetic=radix) for by in
              (0.25, 0.5, 1.0, 2.0, 4.0)]  # fmt: skip
    if method is RangeMethod.SQNR:
        assert min(others) == others[2]


def test_the_noise_of_truncation_is_estimated_close_to_the_real_one() -> None:
    values = np.random.default_rng(0).normal(0, 1, 100_000)
    magnitudes = magnitudes_of(values)
    step = magnitudes.greatest / 127
    cut = float(((np.floor(values / step) * step - values) ** 2).sum())
    estimated = quantisation_noise(
        magnitudes, magnitudes.greatest, steps=127, arithmetic=Arithmetic.RADIX
    )
    assert estimated == pytest.approx(cut, rel=0.05)
