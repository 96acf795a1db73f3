import pytest
from dies import DATA
from hypothesis import given
from hypothesis import strategies as st
from refusals import in_one_line, read_or_refusal

from thermal.hotspot.config import HotSpotConfig, make_config, parse_entries
from thermal.hotspot.materials import Material, parse_materials
from thermal.hotspot.text import HotSpotInputError, load_text
from thermal.package import Layer

SILICON = {"silicon": Material(120.0, 1.66e6), "ether": Material(0.0, 1.0)}


def configured(text: str) -> HotSpotConfig:
    return make_config(parse_entries(text, "c"), SILICON, file="c")


def test_without_a_line_every_value_is_hotspots_default():
    config = configured("")
    package = config.package
    assert package.chip == Layer(1.5e-4, 100.0, 1.75e6)
    assert package.interface == Layer(2e-5, 4.0, 4e6)
    assert package.spreader == Layer(1e-3, 400.0, 3.55e6)
    assert package.sink == Layer(6.9e-3, 400.0, 3.55e6)
    assert (package.spreader_side_m, package.sink_side_m) == (0.03, 0.06)
    assert (package.convection_k_per_w, package.convection_j_per_k) == (0.1, 140.4)
    assert not package.omit_lateral
    assert config.ambient_degc == pytest.approx(45.0)
    assert config.initial_degc == pytest.approx(60.0)
    assert config.threshold_degc == pytest.approx(81.8)
    assert config.sampling_s == 3.333e-6
    assert config.initial_file is None
    assert not config.clip_initial


def test_a_configuration_with_all_that_real_ones_hold_is_read():
    materials = parse_materials(load_text(DATA / "quad.materials"), "m")
    entries = parse_entries(load_text(DATA / "quad.config"), "c")
    config = make_config(entries, materials, file="c")
    assert config.package.chip == Layer(2e-4, 120.0, 1.66e6)
    assert config.package.interface == Layer(5e-5, 2.5, 4e6)
    assert config.package.spreader == Layer(5e-4, 390.0, 3.45e6)
    assert config.package.sink_side_m == 0.02  # the first of two lines counts
    assert config.ambient_degc == pytest.approx(35.0)
    assert config.sampling_s == 0.05


def test_kelvin_become_degrees_celsius():
    config = configured("-ambient 273.15\n-init_temp 373.15\n")
    assert (config.ambient_degc, config.initial_degc) == (0.0, 100.0)


def test_switches_files_and_capitals_are_understood():
    config = configured(
        "-Block_Omit_Lateral 1\n-init_file a.init\n-dtm_used 1\n-MODEL_TYPE BLOCK\n"
    )
    assert config.package.omit_lateral
    assert config.initial_file == "a.init"
    assert config.clip_initial


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("t_chip 1\n", "c:1: 't_chip 1', expected -name value"),
        ("\n-t_chip\n", "c:2: '-t_chip', expected -name value"),
        ("-t_chip 0.15mm\n", "c:1: t_chip is '0.15mm', expected a finite number"),
        ("-t_chip 0\n", "c:1: t_chip is 0.0, expected 1e-09 to 100"),
        ("-k_sink nan\n", "c:1: k_sink is 'nan', expected a finite number"),
        ("-r_convec -1\n", "c:1: r_convec is -1.0, expected 0 to 1e+09"),
        ("-s_sink 0.02\n", "c:1: s_sink is 0.02, expected at least the s_spreader of 0.03"),
        ("-s_spreader 0.07\n", "c:1: s_sink is 0.06, expected at least the s_spreader of 0.07"),
        ("-material_sink gold\n", "c:1: material_sink is 'gold', expected one of"),
        ("-material_chip ether\n", "c:1: conductivity of 'ether' is 0.0, expected 1e-06 to 1e+06"),
        ("-block_omit_lateral yes\n", "c:1: block_omit_lateral is 'yes', expected a finite number"),
        ("-dtm_used 0.5\n", "c:1: dtm_used is '0.5', expected 0 or 1"),
        ("-sampling_intvl 0\n", "c:1: sampling_intvl is 0.0, expected 1e-15 to 1e+09"),
        ("-model_type grid\n", "c:1: model_type is 'grid', expected block"),
        ("-model_secondary 1\n", "c:1: model_secondary is '1', expected 0"),
        ("-package_model_used 1\n", "c:1: package_model_used is '1', expected 0: r_convec instead"),
        ("-use_microchannels 1\n", "c:1: use_microchannels is '1', expected 0"),
        ("-use_microfluidic_cooling 1\n", "c:1: use_microfluidic_cooling is '1', expected 0"),
        ("-grid_layer_file a.lcf\n", "c:1: grid_layer_file is 'a.lcf', expected (null)"),
        ("-detailed_3D on\n", "c:1: detailed_3d is 'on', expected off"),
    ],
)
def test_what_the_block_model_cannot_do_is_refused_in_one_line(text, message):
    with pytest.raises(HotSpotInputError) as caught:
        configured(text)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


NAMES = ["t_chip", "k_chip", "s_sink", "r_convec", "ambient", "model_type", "material_chip", "x"]
VALUES = ["1e-3", "0", "-1", "1e400", "nan", "block", "silicon", "(null)", "0x1", ""]


@given(st.lists(st.tuples(st.sampled_from(["-", "", "#"]), *map(st.sampled_from, (NAMES, VALUES)))))
def test_any_lines_are_a_configuration_or_refused_in_one_line(parts):
    text = "\n".join(f"{dash}{name} {value}" for dash, name, value in parts)
    result = read_or_refusal(lambda: configured(text))
    assert isinstance(result, HotSpotConfig) or in_one_line(result, "c")
