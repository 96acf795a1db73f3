"""The layers of the house, each shown to hold and to break."""

import pkgutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("adaptive", "models", "thermal", "dvfs", "experiments")
HEAVY = ("torch", "scipy", "pandas", "matplotlib", "sklearn")


def modules() -> list[str]:
    found = []
    for package in PACKAGES:
        found.append(package)
        found += [info.name for info in pkgutil.walk_packages([str(ROOT / package)], f"{package}.")]
    # Where the engine is built, its C library lies beside its binding; it is no module.
    return [name for name in found if not name.endswith(".libadaptive_engine")]


def python(code: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=folder
    )


def test_the_loop_loads_nothing_heavy() -> None:
    done = python(f"import adaptive.loop, sys; print([m for m in {HEAVY!r} if m in sys.modules])")
    assert done.stdout.strip() == "[]", done.stderr


def test_everything_a_board_runs_loads_nothing_heavy() -> None:
    names = [name for name in modules() if name.split(".")[0] in {"adaptive", "thermal", "dvfs"}]
    offline = ("thermal.identify", "dvfs.identify", "adaptive.search")
    loads = "; ".join(f"import {name}" for name in names if not name.startswith(offline))
    done = python(f"{loads}; import sys; print([m for m in {HEAVY!r} if m in sys.modules])")
    assert done.stdout.strip() == "[]", done.stderr


def test_importing_any_module_does_nothing_visible() -> None:
    # Those of the peers run in virtual environments of their own, with packages we do not have.
    ours = [name for name in modules() if not name.startswith("experiments.engine_bench.peers.")]
    done = python("\n".join(f"import {name}" for name in ours))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_demo_needs_no_torch() -> None:
    done = python("import experiments.demo, sys; print('torch' in sys.modules)")
    assert done.stdout.strip() == "False", done.stderr


def contracts() -> list[dict[str, object]]:
    with (ROOT / "pyproject.toml").open("rb") as stream:
        return list(tomllib.load(stream)["tool"]["importlinter"]["contracts"])


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the contracts on the packages in a folder, not on the installed ones."""
    # Without `site`, nothing redirects the packages to the checkout they were installed from.
    code = (
        f"import sys; sys.path[:0] = [{str(folder)!r}, {sysconfig.get_path('purelib')!r}]; "
        "from importlinter.cli import lint_imports_command; lint_imports_command(['--no-cache'])"
    )
    return subprocess.run(
        [sys.executable, "-S", "-c", code], capture_output=True, text=True, check=False, cwd=folder
    )


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages' sources and the contracts, in a folder where they may be broken."""
    folder = tmp_path_factory.mktemp("house")
    for name in modules():
        source = ROOT.joinpath(*name.split("."))
        package = source / "__init__.py"
        path = package if package.exists() else source.with_suffix(".py")
        target = folder / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    (folder / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    return folder


def test_the_contracts_hold(house: Path) -> None:
    done = lint(house)
    assert done.returncode == 0, done.stdout + done.stderr


BREAKS = {
    "layers": ("thermal/network.py", "import adaptive.errors"),
    "no-torch-below-models": ("adaptive/cost.py", "import torch"),
    "search-may-lean": ("adaptive/artifact.py", "import scipy"),
    "light-board": ("adaptive/loop.py", "import adaptive.search"),
    "light-daemon": ("adaptive/board/linux.py", "import scipy"),
    "pure-decisions": ("adaptive/governor/static.py", "import time"),
    "adaptive-internal": ("adaptive/platform.py", "import adaptive.loop"),
}


def test_every_contract_has_a_way_to_break_it() -> None:
    assert set(BREAKS) == {contract["id"] for contract in contracts()}


@pytest.mark.parametrize("contract", BREAKS)
def test_breaking_a_contract_is_caught(house: Path, contract: str) -> None:
    file, line = BREAKS[contract]
    path = house / file
    whole = path.read_text(encoding="utf-8")
    path.write_text(f"{whole}\n{line}\n", encoding="utf-8")
    try:
        done = lint(house)
    finally:
        path.write_text(whole, encoding="utf-8")
    name = next(str(c["name"]) for c in contracts() if c["id"] == contract)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"{name} BROKEN" in " ".join(done.stdout.split()), done.stdout
