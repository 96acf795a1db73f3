"""The scoreboard as tables: by scenario, by stress and ambient, against the static point."""

from collections.abc import Callable, Iterable, Sequence

import pandas as pd

from experiments.scoreboard.play import LARGEST_GAP, MOST_ABOVE_CAP, OURS, Row

Table = tuple[list[str], list[list[str]]]


def frame(rows: Iterable[Row]) -> pd.DataFrame:
    """Return rows as a table, ours with a preview under a name of its own."""
    table = pd.DataFrame([{name: getattr(row, name) for name in Row.__slots__} for row in rows])
    table["player"] = table["governor"].where(~table["preview"], table["governor"] + ", preview")
    return table


def _measured(table: pd.DataFrame) -> pd.DataFrame:
    return table[~table["infeasible"] & (table["bound_gap"] <= LARGEST_GAP)]


def _cell(runs: pd.DataFrame, column: str) -> str:
    """Return the mean of a column, or void."""
    if runs.empty:
        return "-"
    if runs["void"].any():
        return "void"
    return f"{runs[column].astype(float).mean():.3f}"


def by_scenario(table: pd.DataFrame, column: str = "share_of_bound") -> Table:
    """Return the mean share of each governor in each scenario, cold and hot starts apart."""
    measured = _measured(table)
    columns = [
        (scenario, start) for scenario in _order(table["scenario"]) for start in ("cold", "hot")
    ]
    header = ["governor", *(f"{scenario} {start}" for scenario, start in columns)]
    body = []
    for player in _players(table):
        own = measured[measured["player"] == player]
        cells = [
            _cell(own[(own["scenario"] == scenario) & (own["start"] == start)], column)
            for scenario, start in columns
        ]
        body.append([player, *cells])
    return header, body


def by_case(table: pd.DataFrame) -> Table:
    """Return, for each stress, ambient and start, our share, the best baseline's, and the gap."""
    measured = _measured(table)
    header = [
        "stress", "ambient degC", "start", "runs", "infeasible", "predictive", "static safe",
        "best other", "which",
    ]  # fmt: skip
    body = []
    groups = table[table["player"] == OURS].groupby(["stress", "ambient_degc", "start"])
    for (stress, ambient, start), ours in groups:
        here = measured[
            (measured["stress"] == stress)
            & (measured["ambient_degc"] == ambient)
            & (measured["start"] == start)
        ]
        best, name = _best_other(here)
        of = {p: here[here["player"] == p] for p in (OURS, "static-safe")}
        body.append(
            [
                f"{stress:g}",
                f"{ambient:g}",
                str(start),
                str(len(ours)),
                str(int(ours["infeasible"].sum())),
                _cell(of[OURS], "share_of_bound"),
                _cell(of["static-safe"], "share_of_bound"),
                best,
                name,
            ]
        )
    return header, body


def _best_other(runs: pd.DataFrame) -> tuple[str, str]:
    """Return the highest mean share of the governors that are not ours nor void, and which."""
    others = runs[~runs["player"].str.startswith(OURS)]
    means = {
        str(player): own["share_of_bound"].astype(float).mean()
        for player, own in others.groupby("player")
        if not own["void"].any()
    }
    if not means:
        return "-", "none is not void"
    name = max(means, key=lambda player: means[player])
    return f"{means[name]:.3f}", name


def violations(table: pd.DataFrame) -> Table:
    """Return how often and how far each governor passed the cap in feasible runs."""
    header = [
        "governor", "feasible runs", "void runs", "worst time above cap %", "above cap + 1 K %",
        "hottest over cap K", "mean share, all runs",
    ]  # fmt: skip
    body = []
    feasible, measured = table[~table["infeasible"]], _measured(table)
    for player in _players(table):
        own = feasible[feasible["player"] == player]
        scored = measured[measured["player"] == player]["share_of_bound"].astype(float)
        body.append(
            [
                player,
                str(len(own)),
                str(int(own["void"].sum())),
                f"{100 * own['time_above_cap'].max():.3f}",
                f"{100 * own['time_above_cap_1k'].max():.3f}",
                f"{own['hottest_k'].max():+.2f}",
                f"{scored.mean():.3f}",
            ]
        )
    return header, body


def against_static(table: pd.DataFrame) -> Table:
    """Return reward and energy per right answer of ours and the static safe point."""
    header = [
        "scenario",
        "reward, predictive",
        "static safe",
        "mJ per right, predictive",
        "static safe",
    ]
    body = []
    measured = _measured(table)
    for scenario in _order(table["scenario"]):
        here = measured[measured["scenario"] == scenario]
        of = [here[here["player"] == player] for player in (OURS, "static-safe")]
        energy = [own["energy_per_correct_j"].astype(float).median() for own in of]
        body.append(
            [
                scenario,
                *(f"{own['reward'].mean():.3f}" for own in of),
                *(f"{1e3 * joules:.2f}" for joules in energy),
            ]
        )
    return header, body


def behind(table: pd.DataFrame) -> Table:
    """Return the cells of scenario and start in which another governor is ahead of ours."""
    header = ["scenario", "start", "ahead", "its share", "predictive", "why"]
    body = []
    measured = _measured(table)
    for (scenario, start), here in measured.groupby(["scenario", "start"], sort=False):
        best, name = _best_other(here)
        ours = here[here["player"] == OURS]["share_of_bound"].astype(float).mean()
        if best == "-" or float(best) <= ours:
            continue
        hotter = [here[here["player"] == player]["hottest_k"].median() for player in (name, OURS)]
        why = f"hottest junction, median: it {hotter[0]:+.2f} K of the cap, ours {hotter[1]:+.2f}"
        body.append([str(scenario), str(start), name, best, f"{ours:.3f}", why])
    return header, body


def headline(table: pd.DataFrame) -> str:
    """Return what was run, in a sentence."""
    ours = table[table["player"] == OURS]
    gaps = ours[~ours["infeasible"]]["bound_gap"]
    return (
        f"{len(table):,} runs: {ours['board'].nunique()} boards, {ours['scenario'].nunique()} "
        f"scenarios, seeds {ours['seed'].min()} to {ours['seed'].max()}, "
        f"{table['player'].nunique()} governors; {int(ours['infeasible'].sum())} of {len(ours)} "
        f"cells infeasible, {int((gaps > LARGEST_GAP).sum())} unscored for a bound gap above "
        f"{LARGEST_GAP:.1%} (median gap {gaps.median():.2%}). Void: any time above the cap + 1 K, "
        f"or more than {MOST_ABOVE_CAP:.1%} of a run above the cap."
    )


def _players(table: pd.DataFrame) -> list[str]:
    names = _order(table["player"])
    return sorted(names, key=lambda name: (not name.startswith(OURS), names.index(name)))


def _order(column: "pd.Series[str]") -> list[str]:
    return [str(value) for value in dict.fromkeys(column)]


TABLES: dict[str, Callable[[pd.DataFrame], Table]] = {
    "by-scenario": by_scenario,
    "by-scenario-cap": lambda table: by_scenario(table, "share_cap"),
    "by-case": by_case,
    "violations": violations,
    "against-static": against_static,
    "behind": behind,
}


def text(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table for a terminal."""
    if not rows:
        return "(none)"
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    return "\n".join(
        "  ".join(
            cell.rjust(w) if i else cell.ljust(w)
            for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in [header, *rows]
    )
