import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from documents import part, paths, removed, replaced, spelt
from hypothesis import given, settings
from hypothesis import strategies as st

from adaptive.board_file import BoardFile
from adaptive.config import board_names, build_plant, load_board, parse_board, read_board
from adaptive.errors import ConfigError
from adaptive.plant import Plant
from adaptive.precision import Bits
from adaptive.strict_yaml import load_yaml, parse_yaml

BOARDS = Path(__file__).parents[2] / "adaptive" / "boards"
XU4 = load_yaml(BOARDS / "odroid-xu4.yaml")
RPI4B_TEXT = (BOARDS / "rpi4b.yaml").read_text(encoding="utf-8")
RPI4B = parse_yaml(RPI4B_TEXT, origin="rpi4b.yaml")
REQUIRED = [at for at in paths(RPI4B) if isinstance(at[-1], str) and at not in {("notes",)}]


def build(content: object) -> Plant:
    return build_plant(parse_board(content, origin="bad.yaml"), origin="bad.yaml")


def fault(content: Callable[[], object]) -> str:
    """Return what is wrong with a board, or nothing if it gives a plant; other errors pass."""
    try:
        build(content())
    except ConfigError as error:
        return str(error)
    return ""


def test_a_board_is_found_by_name_and_by_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(RPI4B_TEXT, encoding="utf-8")
    assert load_board(path).title == load_board("rpi4b").title
    assert load_board(str(path)).name == "rpi4b"


def test_the_file_becomes_the_plant_it_describes() -> None:
    plant = load_board("rpi4b")
    cores = plant.cluster("a72")
    assert (cores.cores, cores.island, cores.blocks) == (4, "a72", ("a72",))
    assert cores.mac_per_cycle == {Bits.INT8: 8.0, Bits.INT16: 4.0}
    assert plant.islands.named("a72").table.fastest.voltage_v == 0.9098
    assert plant.constant_w == {"board": 1.7}
    assert plant.network.nodes == ("a72", "board")
    assert plant.zones[0].resolution_k == 0.487
    assert (plant.cap_degc, plant.critical_degc) == (80.0, 90.0)
    block = plant.power.parts[0]
    assert (block.C_active, block.C_idle) == (1.744e-9, 1.54e-10)
    assert (block.leakage.I_0, block.leakage.T_0, block.leakage.k_V) == (0.286, 80.0, 1.75)


def test_an_unknown_board_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="'toaster' is unknown, expected one of hikey960, odroid"):
        load_board("toaster")


def test_a_missing_file_is_named() -> None:
    with pytest.raises(ConfigError, match=r"/nowhere/board\.yaml: cannot be read"):
        read_board("/nowhere/board.yaml")


def test_broken_yaml_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text("schema: 1\nname: [", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"broken\.yaml: line 2: "):
        load_board(path)


@pytest.mark.parametrize("content", [None, 3, "text", [], [{}]])
def test_what_is_not_a_board_at_all_is_refused(content: object) -> None:
    with pytest.raises(ConfigError, match=r"bad\.yaml: the file is "):
        build(content)
    with pytest.raises(ConfigError, match=r"bad\.yaml: schema: .*missing"):
        build({})


@pytest.mark.parametrize("at", list(paths(XU4)), ids=spelt)
def test_garbage_in_any_field_is_an_error_that_names_file_and_field(at: tuple[str | int]) -> None:
    garbage: tuple[object, ...] = (None, {"no": "such"}, -1e30)
    for value in garbage:
        with pytest.raises(ConfigError) as caught:
            build(replaced(XU4, at, value))
        message = str(caught.value)
        assert message.startswith("bad.yaml: ")
        assert spelt(at) in message
        assert "expected" in message or "unknown field" in message
        assert "\n" not in message


@pytest.mark.parametrize("at", REQUIRED, ids=spelt)
def test_a_missing_field_is_named(at: tuple[str | int]) -> None:
    # A constant, a link or a note may be left out as a whole.
    if at in {("constant",), ("thermal", "links")}:
        return
    with pytest.raises(ConfigError, match=re.escape(f"bad.yaml: {spelt(at)}: ") + ".*missing"):
        build(removed(RPI4B, at))


@pytest.mark.parametrize(
    "at", [at for at in paths(RPI4B) if isinstance(part(RPI4B, at), dict)], ids=spelt
)
def test_an_unknown_field_is_named(at: tuple[str | int]) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"bad.yaml: {spelt(at)}.voltage_mv: ")):
        build(replaced(RPI4B, (*at, "voltage_mv"), 900))


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (("islands", 0, "opps", 12, "frequency_hz"), 1800),  # megahertz
        (("islands", 0, "opps", 12, "voltage_v"), 909.8),  # millivolts
        (("power", 0, "switched", "active_f"), 1.744),  # nanofarads
        (("power", 0, "leakage", "t_0_degc"), 353150),  # millikelvin
        (("limits", "cap", "temp_degc"), 80000),  # millidegrees
    ],
)
def test_a_number_in_another_unit_is_caught(at: tuple[str | int], value: float) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"bad.yaml: {spelt(at)} is {value!r}: ")):
        build(replaced(RPI4B, at, value))


@pytest.mark.parametrize(
    ("at", "value", "message"),
    [
        (
            ("islands", 0, "opps", 3, "frequency_hz"),
            5e8,
            r"islands\[0\]: opps has .* strictly rise",
        ),
        (("islands", 0, "opps"), [], r"islands\[0\]: opps is empty"),
        (("islands", 0, "blocks"), [], r"islands\[0\]: blocks of island 'a72' is empty"),
        (("islands", 0, "blocks"), ["gpu"], "the board: power.blocks is"),
        (("clusters", 0, "blocks"), ["a72", "a72"], r"clusters\[0\]: blocks is"),
        (("clusters", 0, "island"), "gpu", "the board: island is 'gpu'"),
        (("clusters", 0, "compute", "rates", 0, "bits"), 16, r"clusters\[0\]: compute.rates gives"),
        (("power", 0, "switched", "idle_f"), 2e-9, r"power\[0\]: C_idle is 2e-09, expected"),
        (("power", 0, "blocks"), [], "power: blocks is"),
        (("thermal", "to_ambient", 0, "node"), "gpu", "thermal: node is 'gpu'"),
        (("thermal", "links"), [], "thermal: nodes .* have no path to the ambient"),
        (("thermal", "to_ambient"), [], "thermal: nodes .* have no path to the ambient"),
        (("thermal", "capacities", 0, "nodes", 0, "name"), "board", "thermal: capacities names"),
        (("sensors", 0, "zones", 0, "node"), "gpu", "the board: zone node is 'gpu'"),
        (("constant", 0, "node"), "gpu", "the board: constant_w is 'gpu'"),
        (("limits", "cap", "temp_degc"), 95.0, "the board: cap_degc is 95.0, expected below"),
    ],
)
def test_broken_physics_is_named(at: tuple[str | int], value: object, message: str) -> None:
    with pytest.raises(ConfigError, match=rf"^bad\.yaml: {message}"):
        build(replaced(RPI4B, at, value))


def test_a_link_and_a_path_to_the_ambient_are_given_once() -> None:
    for field, name in (("links", "links"), ("to_ambient", "to_ambient")):
        groups = part(RPI4B, ("thermal", field))
        assert isinstance(groups, list)
        with pytest.raises(ConfigError, match=f"thermal: {name} names .* twice"):
            build(replaced(RPI4B, ("thermal", field), groups * 2))


def test_constant_powers_of_one_node_add_up() -> None:
    sources = part(RPI4B, ("constant",))
    assert isinstance(sources, list)
    assert build(replaced(RPI4B, ("constant",), sources * 2)).constant_w == {"board": 3.4}


VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=8),
        st.sampled_from(["a72", "board", "D", 0, 1, 1e9, 0.9, 80.0]),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=5,
)


@given(st.sampled_from(list(paths(RPI4B))), VALUES)
def test_a_changed_board_is_a_plant_or_a_config_error(at: tuple[str | int], value: object) -> None:
    message = fault(lambda: replaced(RPI4B, at, value))
    assert not message or message.startswith("bad.yaml: ")


@settings(max_examples=60)
@given(st.integers(0, len(RPI4B_TEXT)), st.integers(0, 6), st.text(max_size=6))
def test_a_damaged_file_is_a_plant_or_a_config_error(at: int, cut: int, put: str) -> None:
    text = RPI4B_TEXT[:at] + put + RPI4B_TEXT[at + cut :]
    message = fault(lambda: parse_yaml(text, origin="bad.yaml"))
    assert not message or message.startswith("bad.yaml: ")
    assert "\n" not in message


def test_a_board_written_out_again_reads_the_same(tmp_path: Path) -> None:
    path = tmp_path / "again.yaml"
    path.write_text(yaml.safe_dump(XU4), encoding="utf-8")
    assert read_board(path) == read_board("odroid-xu4")
    assert isinstance(read_board(path), BoardFile)
    assert "odroid-xu4" in board_names()
