import shutil

import numpy as np
import pytest
from dies import DATA

from thermal.hotspot.case import HotSpotCase, load_case
from thermal.hotspot.temperatures import format_temperatures
from thermal.hotspot.text import HotSpotInputError


def quad(**changes) -> HotSpotCase:
    files = {"config": DATA / "quad.config", "materials": DATA / "quad.materials"}
    return load_case(DATA / "quad.flp", DATA / "quad.ptrace", **(files | changes))


def test_a_case_fits_together():
    case = quad()
    assert case.floorplan.names == ("CPU", "DSP", "Cache", "IO")
    assert case.power_w[0].tolist() == [1.5, 0.4, 0.3, 0.1]
    assert case.model.nodes[:4] == case.floorplan.names
    assert case.start_degc == pytest.approx(np.full(28, 40.0))
    assert case.config.package.chip.conductivity_w_per_m_k == 120.0


def test_without_a_configuration_hotspots_defaults_hold():
    case = load_case(DATA / "quad.flp", DATA / "quad.ptrace")
    assert case.config.package.sink_side_m == 0.06
    assert case.start_degc[0] == pytest.approx(60.0)


def test_options_go_before_the_configuration():
    assert quad(options={"Sampling_Intvl": "0.2"}).config.sampling_s == 0.2


def test_materials_and_initial_temperatures_are_found_beside_the_configuration(tmp_path):
    for name in ("quad.flp", "quad.ptrace", "quad.materials"):
        shutil.copy(DATA / name, tmp_path)
    config = tmp_path / "quad.config"
    lines = "-materials_file quad.materials\n-init_file a.init\n-dtm_used 1\n"
    config.write_text(lines + (DATA / "quad.config").read_text())
    start = np.linspace(100.0, 40.0, 28)
    (tmp_path / "a.init").write_text(format_temperatures(start, quad().floorplan))
    case = load_case(tmp_path / "quad.flp", tmp_path / "quad.ptrace", config=config)
    assert case.config.package.spreader.conductivity_w_per_m_k == 390.0
    assert case.start_degc[:4].max() == pytest.approx(81.8)
    assert case.start_degc[-1] == pytest.approx(35.0 + 5.0 * (81.8 - 35.0) / 65.0)


def test_a_start_is_taken_as_it_is_without_temperature_management(tmp_path):
    start = np.linspace(100.0, 40.0, 28)
    path = tmp_path / "a.init"
    path.write_text(format_temperatures(start, quad().floorplan))
    assert quad(options={"init_file": str(path)}).start_degc == pytest.approx(start)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"s_spreader": "0.005"}, r"quad\.flp: the die is 0\.006 m wide"),
        ({"model_type": "grid"}, "^option model_type: model_type is 'grid', expected block"),
        ({"init_file": "none.init"}, "none.init: No such file"),
        ({"material_sink": "gold"}, "expected one of .*'copper', 'silicon', 'water'"),
    ],
)
def test_what_does_not_fit_is_refused(options, message):
    with pytest.raises(HotSpotInputError, match=message):
        quad(options=options)


def test_a_material_without_a_file_is_refused():
    with pytest.raises(HotSpotInputError, match=r"quad\.config:3: material_chip is 'silicon'"):
        quad(materials=None)
