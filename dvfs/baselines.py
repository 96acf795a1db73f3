"""What row-level rails are measured against: one voltage, or two of them in turn."""

import math

from dvfs.circuit import CircuitMode, Rails, Technology


def ideal_voltage_v(mode: CircuitMode, technology: Technology, *, frequency_hz: float) -> float:
    """Return the voltage at which the whole circuit just meets a clock [V].

    Raises
    ------
    ValueError
        If no voltage up to 2 V does.
    """
    nominal_s = mode.shortest_period_s(technology, technology.law.nominal_v)
    return technology.law.voltage_v(1.0 / (frequency_hz * nominal_s))


def uniform_power_w(
    mode: CircuitMode, technology: Technology, *, voltage_v: float, frequency_hz: float
) -> float:
    """Return the power of the circuit, all of it at one voltage [W]."""
    total = technology.power_w(
        mode.switched_f.sum(), mode.width.sum(), voltage_v=voltage_v, f=frequency_hz
    )
    return float(total)


def ideal_power_w(mode: CircuitMode, technology: Technology, *, frequency_hz: float) -> float:
    """Return the power under ideal DVFS: the one continuous voltage that meets the clock [W].

    Notes
    -----
    Limits: ideal indeed; no regulator loss, no voltage step, no margin.
    """
    volts = ideal_voltage_v(mode, technology, frequency_hz=frequency_hz)
    return uniform_power_w(mode, technology, voltage_v=volts, frequency_hz=frequency_hz)


def hopping_power_w(
    mode: CircuitMode, technology: Technology, *, rails: Rails, frequency_hz: float
) -> float:
    """Return the mean power of hopping in time between two rails, each at its fastest clock [W].

    Below the low rail's clock the circuit stays there and its clock is gated for the rest.

    Raises
    ------
    ValueError
        If the frequency is above what the high rail allows.

    Notes
    -----
    Limits: transitions cost neither time nor energy.
    """
    fastest = [1.0 / mode.shortest_period_s(technology, v) for v in (rails.high_v, rails.low_v)]
    return _between(mode, technology, rails, clocks=fastest, frequency_hz=frequency_hz)


def dithering_power_w(
    mode: CircuitMode, technology: Technology, *, rails: Rails, frequency_hz: float
) -> float:
    """Return the mean power of dithering: as hopping, but all clocks divide one [W].

    The low rail runs at the high rail's clock divided by the least whole number that it bears, as
    local voltage dithering with a single clock source does.

    Raises
    ------
    ValueError
        If the frequency is above what the high rail allows.

    Notes
    -----
    Limits: transitions cost neither time nor energy.
    """
    fast, slow = (1.0 / mode.shortest_period_s(technology, v) for v in (rails.high_v, rails.low_v))
    divided = fast / math.ceil(fast / slow)
    return _between(mode, technology, rails, clocks=[fast, divided], frequency_hz=frequency_hz)


def _between(
    mode: CircuitMode,
    technology: Technology,
    rails: Rails,
    *,
    clocks: list[float],
    frequency_hz: float,
) -> float:
    fast, slow = clocks
    if frequency_hz > fast * (1.0 + 1e-9):
        raise ValueError(f"frequency_hz is {frequency_hz!r}, expected at most {fast!r} Hz")
    if frequency_hz <= slow:
        # Dynamic power is linear in the clock: part-time at `slow` is the mean clock.
        return uniform_power_w(mode, technology, voltage_v=rails.low_v, frequency_hz=frequency_hz)
    share = (frequency_hz - slow) / (fast - slow)
    high, low = (
        uniform_power_w(mode, technology, voltage_v=volts, frequency_hz=clock)
        for volts, clock in zip((rails.high_v, rails.low_v), clocks, strict=True)
    )
    return share * high + (1.0 - share) * low
