# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Energy and accuracy
#
# One weight set, a choice of bits for each layer, a choice of clocks: many operating points. Which
# are worth having, and what does a governor make of them? Accuracies were measured when the network
# was exported; energies are modelled from the board file.

# %%
import pandas as pd

from adaptive.governor.look_ahead import undominated
from experiments.comparison.cells import CellRequest, run_cell
from experiments.comparison.table import HEADER, frame_of, lines_of
from experiments.study import prepare

# %% tags=["parameters"]
MINUTES = 5.0
GOVERNORS = ("static-safe", "step-wise", "budget", "look-ahead")
SCENARIOS = ("bursts", "steady", "video")
SEEDS = (0, 1)

# %% [markdown]
# ## The points
#
# A frame's energy is that of the whole board while it is answered. Points that another one beats in
# power, speed and accuracy at once are left out.

# %%
study = prepare(board="odroid-xu4", artifact="digits")
points = pd.DataFrame(
    {
        "point": point.name,
        "plan": point.effort.code,
        "accuracy": point.accuracy,
        "energy_j": point.energy_j,
        "latency_s": point.latency_s,
        "power_w": point.power_w,
    }
    for point in undominated(study.points.points)
    if point.duty == 1.0
)
points.sort_values("energy_j").head(10)

# %%
axis = points.plot.scatter(x="energy_j", y="accuracy", c="latency_s", colormap="viridis", logx=True)
axis.set_title("operating points worth having")

# %% [markdown]
# ## What governors make of them
#
# Reward is what answered frames are worth over the best effort's on every frame; a line marked void
# was above the cap.

# %%
cells = [
    run_cell(None, CellRequest("odroid-xu4", "digits", governor, scenario, seed, minutes=MINUTES))
    for scenario in SCENARIOS
    for seed in SEEDS
    for governor in GOVERNORS
]
frame = frame_of(cells)
pd.DataFrame(lines_of(frame), columns=list(HEADER))

# %%
mean = frame.groupby("governor")[["reward", "energy_per_correct_j"]].mean()
axis = mean.plot.scatter(x="energy_per_correct_j", y="reward")
for governor, row in mean.iterrows():
    axis.annotate(f" {governor}", (row["energy_per_correct_j"], row["reward"]))
