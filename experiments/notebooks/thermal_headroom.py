# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Thermal headroom
#
# A board at full speed heats up until something gives. How long does that take, what could it
# sustain for ever, and what is a governor worth that knows? Everything here is simulated from the
# board files; `adaptive boards NAME` tells where each of their numbers comes from.

# %%
import pandas as pd

from adaptive.commands.boards import sustainable_w
from adaptive.config import board_names, load_board
from experiments.commands.compare import COMPARED
from experiments.comparison.cells import CellRequest, run_cell
from experiments.comparison.plots import timelines
from experiments.study import simulate

# %% tags=["parameters"]
MINUTES = 10.0
BOARDS = board_names()

# %% [markdown]
# ## How long full speed lasts
#
# The fastest operating point, busy all the time, from a cold start at 25 °C. `until_cap_s` is when
# the hottest junction passes the cap; `sustainable_w` is what the first cluster may draw for ever.

# %%
rows = []
for name in BOARDS:
    board = load_board(name)
    frame = simulate(
        name, "static-fastest", scenario="steady", ambient_degc=25.0, minutes=MINUTES
    ).frame()
    above = frame.loc[frame["hottest_degc"] > board.cap_degc, "time_s"]
    rows.append(
        {
            "board": name,
            "cap_degc": board.cap_degc,
            "until_cap_s": above.min(),
            "peak_degc": frame["hottest_degc"].max(),
            "power_w": frame["power_w"].mean(),
            "sustainable_w": sustainable_w(board, board.clusters[0], ambient_degc=25.0),
        }
    )
pd.DataFrame(rows).set_index("board").round(2)

# %% [markdown]
# ## The same board under several governors
#
# Bursts ask for more than lasts. Blind governors are too hot in them or too slow; one that knows
# the heat runs cool between them and sprints through them.

# %%
cells = [
    run_cell(None, CellRequest(BOARDS[0], "digits", name, "bursts", seed=0, minutes=MINUTES))
    for name in COMPARED
]
timelines(cells, title=f"bursts on {BOARDS[0]}")

# %%
pd.DataFrame({cell.governor: cell.row for cell in cells}).T.round(4)
