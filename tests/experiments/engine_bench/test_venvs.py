from pathlib import Path

import pytest

from adaptive.errors import ConfigError
from experiments.engine_bench import venvs
from experiments.engine_bench.config import Peer

PEER = Peer("some", "some.module", ("int8",), ("torch==2.13.0", "litert-torch==0.10.0"))


def test_torch_is_asked_of_its_own_index_first_and_of_any_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[list[str]] = []

    def run(command: list[str], peer: Peer) -> None:
        ran.append(command)
        (tmp_path / "venvs" / "some").mkdir(parents=True, exist_ok=True)
        if "--extra-index-url" in command:
            raise ConfigError("out of reach")

    monkeypatch.setattr(venvs, "_run", run)
    with pytest.raises(ConfigError, match="is not set up"):
        venvs.interpreter(PEER, tmp_path)
    venvs.set_up(PEER, tmp_path)
    assert [command[2] for command in ran] == ["venv", "pip", "pip"]
    assert ran[2][-2:] == ["torch==2.13.0", "litert-torch==0.10.0"]
    python = venvs.interpreter(PEER, tmp_path)
    assert python == tmp_path / "venvs" / "some" / "bin" / "python"
    venvs.set_up(PEER, tmp_path)
    assert len(ran) == 3


def test_another_version_is_not_the_environment_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "venvs" / "some"
    folder.mkdir(parents=True)
    (folder / venvs.STAMP).write_text("torch==2.12.0\nlitert-torch==0.10.0\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="is not set up"):
        venvs.interpreter(PEER, tmp_path)


def test_the_cache_is_where_the_variable_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(venvs.VARIABLE, "/somewhere")
    assert venvs.cache_folder() == Path("/somewhere/engine_bench")
    monkeypatch.delenv(venvs.VARIABLE)
    assert venvs.cache_folder() == Path.home() / ".cache" / "adaptive" / "engine_bench"


def test_what_pip_said_last_is_the_reason() -> None:
    with pytest.raises(ConfigError, match="peer some cannot be installed: no message"):
        venvs._run(["false"], PEER)
    with pytest.raises(ConfigError, match="peer some: /no/such/python: No such file"):
        venvs._run(["/no/such/python"], PEER)
