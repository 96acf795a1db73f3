import argparse
import sys
import types
from importlib.metadata import EntryPoint, EntryPoints

import pytest

from adaptive import cli
from adaptive.errors import ConfigError


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three made-up subcommands behind entry points, one of which cannot be imported."""

    def fail(args: argparse.Namespace) -> int:
        raise ConfigError("board.yaml: cap_degc is 'hot',\nexpected a number")

    def make(name: str, run: object) -> str:
        module = types.ModuleType(name)
        module.HELP = "A made-up command."  # type: ignore[attr-defined]
        module.add_arguments = lambda parser: parser.add_argument("--n", type=int)  # type: ignore[attr-defined]
        module.run = run  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, name, module)
        return name

    def interrupted(args: argparse.Namespace) -> int:
        raise KeyboardInterrupt

    def lazy(args: argparse.Namespace) -> int:
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    found = [
        EntryPoint("good", make("made_up_good", lambda args: args.n or 0), cli.GROUP),
        EntryPoint("bad", make("made_up_bad", fail), cli.GROUP),
        EntryPoint("stopped", make("made_up_stopped", interrupted), cli.GROUP),
        EntryPoint("lazy", make("made_up_lazy", lazy), cli.GROUP),
        EntryPoint("bare", "a_package_that_is_not_there", cli.GROUP),
    ]
    monkeypatch.setattr(cli, "entry_points", lambda group: EntryPoints(found))


def test_a_command_gets_its_arguments_and_gives_the_exit_code(commands: None) -> None:
    assert cli.main(["good"]) == 0
    assert cli.main(["good", "--n", "1"]) == 1


def test_bad_input_is_one_clear_line(commands: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bad"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "adaptive bad: board.yaml: cap_degc is 'hot', expected a number\n"


def test_a_missing_package_names_the_extra(
    commands: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["bare"]) == 3
    assert "thermal-adaptive-inference[sim]" in capsys.readouterr().err
    assert cli.main(["lazy"]) == 3
    assert "thermal-adaptive-inference[train]" in capsys.readouterr().err


def test_an_interrupt_has_its_own_exit_code(commands: None) -> None:
    assert cli.main(["stopped"]) == 130


def test_an_unknown_command_lists_the_known_ones(
    commands: None, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["nonsense"])
    assert caught.value.code == 2
    assert "good" in capsys.readouterr().err


def test_every_declared_command_loads_and_describes_itself() -> None:
    from importlib.metadata import entry_points

    for entry in entry_points(group=cli.GROUP):
        module = entry.load()
        assert module.HELP.endswith(".")
        module.add_arguments(argparse.ArgumentParser())
