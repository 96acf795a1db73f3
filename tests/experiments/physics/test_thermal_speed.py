import json

import pytest

from experiments.physics import thermal_speed
from experiments.physics.thermal_speed import grid_network, main


@pytest.mark.parametrize(("blocks", "nodes"), [(7, 40), (30, 132), (247, 1000)])
def test_grids_have_the_nodes_they_are_timed_for(blocks, nodes):
    assert len(grid_network(blocks).nodes) == nodes


def test_every_way_of_stepping_is_timed(monkeypatch, capsys):
    monkeypatch.setattr(thermal_speed, "_BLOCKS", (2, 4))
    monkeypatch.setattr(thermal_speed, "_SHORTEST_S", 1e-6)
    assert main(["--json", "--boards", "3", "--steps", "5"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {timing["what"] for timing in found} == {
        *("trace, modal", "trace, full matrices"),
        *("boards, one by one", "boards, together", "boards, together, leaking"),
    }
    for timing in found:
        each = timing["cpu_s_per_output_node"] * timing["outputs"] * timing["nodes"]
        assert each == pytest.approx(timing["cpu_s_per_step"])
        assert timing["cpu_s_per_step"] > 0.0


def test_a_line_is_readable_without_json(monkeypatch, capsys):
    monkeypatch.setattr(thermal_speed, "_BLOCKS", (2,))
    monkeypatch.setattr(thermal_speed, "_SHORTEST_S", 1e-6)
    assert main(["--boards", "3", "--steps", "5"]) == 0
    assert "boards, together " in capsys.readouterr().out


def test_no_boards_are_refused():
    with pytest.raises(SystemExit):
        main(["--boards", "0"])
