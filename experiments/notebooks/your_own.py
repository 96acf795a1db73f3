# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Your own governor, board and network
#
# Twenty lines each. The network part needs the extra `train` (PyTorch).

# %%
import tempfile
from pathlib import Path

import torch
import yaml

from adaptive.artifact import save_artifact
from adaptive.config import board_path
from adaptive.labels import LabelTree
from adaptive.precision import Effort, all_plans
from experiments.study import simulate
from models.calibrate import calibrate_ranges
from models.convert import convert
from models.data import load_digits
from models.export import export_network, measure, with_measurements

# %% tags=["parameters"]
MINUTES = 5.0
EPOCHS = 30

# %% [markdown]
# ## A governor
#
# Any object with `decide(observation) -> OperatingPoint`. Its constructor gets what it names:
# `points`, `plant`, `ambient_degc`, `cap_degc`, `demand_hz`, `period_s`, `deadline_s`.


# %%
class Thrifty:
    """The point of least power that keeps up, slower by a rung a degree within 5 K of the cap."""

    def __init__(self, points, cap_degc):
        self.by_power = sorted(points, key=lambda point: point.power_w)
        self.cap_degc = cap_degc

    def decide(self, observation):
        hottest = max(observation.temps_degc.values())
        wanted_hz = observation.demand_hz + observation.backlog
        enough = [point for point in self.by_power if point.frames_hz >= wanted_hz]
        chosen = self.by_power.index(enough[0] if enough else self.by_power[-1])
        near = max(0.0, 5.0 - (self.cap_degc - hottest)) / 5.0
        return self.by_power[int(chosen * max(1.0 - near, 0.0))]


run = simulate("odroid-xu4", Thrifty, minutes=MINUTES)
run.summary.peak_degc, run.summary.score

# %%
run.frame().plot(x="time_s", y=["hottest_degc", "sensor_degc"])

# %% [markdown]
# ## A board
#
# A board is a YAML file; every block of numbers has its source. Here the bundled Raspberry Pi 4
# with twice the conductance to the air, as a fan might give it.

# %%
folder = Path(tempfile.mkdtemp())
board = yaml.safe_load(board_path("rpi4b").read_text(encoding="utf-8"))
board["name"] = "rpi4b-fan"
for path in board["thermal"]["to_ambient"]:
    path["resistance_k_per_w"] /= 2.0
    path["source"] = "an assumption for this notebook: half of the bundled file's"
mine = folder / "rpi4b-fan.yaml"
mine.write_text(yaml.safe_dump(board, sort_keys=False), encoding="utf-8")
{name: simulate(name, minutes=MINUTES).summary.score.reward for name in ("rpi4b", str(mine))}

# %% [markdown]
# ## A network
#
# Any traceable PyTorch network: train it as you like, then convert, calibrate, export, measure.

# %%
training, calibration = load_digits("train"), load_digits("calibration")
pixels = torch.tensor(training.images).permute(0, 3, 1, 2) / 255.0
labels = torch.tensor(training.labels)
torch.manual_seed(0)
plain = torch.nn.Sequential(
    torch.nn.Conv2d(1, 12, 3, padding=1),
    torch.nn.ReLU(),
    torch.nn.MaxPool2d(2),
    torch.nn.Flatten(),
    torch.nn.Linear(12 * 16, 10),
)
optimiser = torch.optim.Adam(plain.parameters(), lr=0.01)
for _ in range(EPOCHS):
    optimiser.zero_grad()
    torch.nn.functional.cross_entropy(plain(pixels), labels).backward()
    optimiser.step()

# %%
network = convert(plain, (8, 8, 1))
calibrate_ranges(network, calibration.images)
tree = LabelTree.from_dict({"levels": ["leaf"], "leaves": {str(d): [] for d in range(10)}})
artifact = export_network(network, name="mine", labels=tree, provenance={"dataset": "digits"})
efforts = [Effort(plan) for plan in all_plans(artifact.layers)]
artifact = with_measurements(artifact, measure(artifact, efforts, calibration))
save_artifact(artifact, folder / "mine.npz")
{entry.effort.plan.code: entry.accuracy["leaf"] for entry in artifact.measured}

# %%
simulate("odroid-xu4", "look-ahead", folder / "mine.npz", minutes=MINUTES).summary.score
