r"""Power of CMOS blocks at a voltage, frequency, utilisation and temperature.

Everything here is an array function: voltages, frequencies, utilisations and temperatures
broadcast against each other, and in `PowerModel` the last axis counts the blocks.
"""

import math
from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def _array(values: ArrayLike) -> Array:
    return np.asarray(values, dtype=np.float64)


def dynamic_power(C: ArrayLike, V: ArrayLike, *, f: ArrayLike) -> Array:
    r"""Compute switching power.

    .. math:: P_{dyn} = C \, V^2 f

    Parameters
    ----------
    C
        Effective switched capacitance: what toggles in a mean cycle at the utilisation meant [F].
    V
        Supply voltage [V].
    f
        Clock frequency [Hz].

    Returns
    -------
    ndarray
        Switching power, of the broadcast shape [W].

    Notes
    -----
    Limits: one capacitance stands for all switching, so a workload of another activity needs
    another `C` (a factor of five between programs on the Cortex-A15). Short-circuit current is
    folded into `C`.

    References
    ----------
    .. [1] A. Chandrakasan, S. Sheng and R. Brodersen, "Low-power CMOS digital design," *IEEE J.
       Solid-State Circuits*, vol. 27, no. 4, pp. 473-484, 1992 (equation number unverified).
    """
    return _array(_array(C) * _array(V) ** 2 * _array(f))


@dataclass(frozen=True, slots=True)
class Leakage:
    r"""Leakage current of a block, exponential in temperature and in voltage.

    Attributes
    ----------
    I_0
        Leakage current at `T_0` and `V_0` [A].
    T_0
        Temperature at which `I_0` holds [degC].
    k_T
        Relative rise of the current with temperature [1/K].
    V_0
        Voltage at which `I_0` holds [V].
    k_V
        Relative rise of the current with voltage [1/V].

    Raises
    ------
    ValueError
        If a value is not finite, `I_0`, `k_T` or `k_V` is negative, or `V_0` is not positive.
    """

    I_0: float
    T_0: float
    k_T: float  # noqa: N815 - the textbook's symbol
    V_0: float
    k_V: float  # noqa: N815

    def __post_init__(self) -> None:
        for entry in fields(self):
            if not math.isfinite(getattr(self, entry.name)):
                raise ValueError(
                    f"{entry.name} is {getattr(self, entry.name)!r}, expected a finite number"
                )
        for name, value in (("I_0", self.I_0), ("k_T", self.k_T), ("k_V", self.k_V)):
            if value < 0.0:
                raise ValueError(f"{name} is {value!r}, expected a number not below 0")
        if self.V_0 <= 0.0:
            raise ValueError(f"V_0 is {self.V_0!r}, expected a number above 0")


def leakage_power(V: ArrayLike, T: ArrayLike, *, leakage: Leakage) -> Array:
    r"""Compute leakage power of a block.

    .. math:: P_{leak} = V \, I_0 \, e^{k_T (T - T_0)} \, e^{k_V (V - V_0)}

    Parameters
    ----------
    V
        Supply voltage [V].
    T
        Junction temperature [degC].
    leakage
        `I_0`, `T_0`, `k_T`, `V_0` and `k_V` of the block.

    Returns
    -------
    ndarray
        Leakage power, of the broadcast shape [W].

    Notes
    -----
    Limits: an exponential fitted around `T_0` and `V_0`, good over the fitted range only (the
    Cortex-A15 figures of the bundled board: 50 to 93 degC, 0.9 to 1.18 V); gate leakage is folded
    into `I_0`. Far above the range it overstates the current.

    References
    ----------
    .. [1] K. De Vogeleer, G. Memmi, P. Jouvelot and F. Coelho, "Modeling the temperature bias of
       power consumption for nanometer-scale CPUs in application processors," arXiv:1404.3381, 2014
       (exponential over 20 to 85 degC; equation number unverified).
    """
    voltage, rise = _array(V), _array(T) - leakage.T_0
    return _array(
        voltage * leakage.I_0 * np.exp(leakage.k_T * rise + leakage.k_V * (voltage - leakage.V_0))
    )


def leakage_slope(V: ArrayLike, T: ArrayLike, *, leakage: Leakage) -> Array:
    r"""Compute how fast leakage power grows with temperature.

    .. math:: \frac{dP_{leak}}{dT} = k_T \, P_{leak}

    Parameters
    ----------
    V
        Supply voltage [V].
    T
        Junction temperature [degC].
    leakage
        Parameters of the block.

    Returns
    -------
    ndarray
        Slope, of the broadcast shape [W/K].

    Notes
    -----
    Limits: those of `leakage_power`, whose exact derivative this is.
    """
    return _array(leakage.k_T * leakage_power(V, T, leakage=leakage))


@dataclass(frozen=True, slots=True)
class BlockPower:
    """Power parameters of one block.

    Attributes
    ----------
    C_active
        Effective switched capacitance while the block works all the time [F].
    C_idle
        What still switches while it waits (clock tree, cache) [F].
    leakage
        Its leakage.

    Raises
    ------
    ValueError
        If a capacitance is not finite, `C_idle` is negative or above `C_active`.
    """

    C_active: float
    C_idle: float
    leakage: Leakage

    def __post_init__(self) -> None:
        if not math.isfinite(self.C_active):
            raise ValueError(f"C_active is {self.C_active!r}, expected a finite number")
        if not 0.0 <= self.C_idle <= self.C_active:
            raise ValueError(
                f"C_idle is {self.C_idle!r}, expected 0 to C_active = {self.C_active!r}"
            )


@dataclass(frozen=True, slots=True, eq=False)
class PowerModel:
    r"""Power of named blocks, evaluated for many settings at once.

    .. math:: P = (C_{idle} + u (C_{active} - C_{idle})) V^2 f + P_{leak}(V, T)

    with `u` the block's utilisation, 0..1.

    Attributes
    ----------
    blocks
        Block names; their order is the last axis of every array.
    parts
        Parameters of each block.

    Raises
    ------
    ValueError
        If empty, of unequal lengths, or if a block is named twice.

    Notes
    -----
    Limits: power is affine in utilisation, so a block half busy draws the mean of busy and idle:
    true of time averages over many scheduler ticks, not within one.
    """

    blocks: tuple[str, ...]
    parts: tuple[BlockPower, ...]
    _capacitance: Array = field(init=False, repr=False)  # rows: idle, active minus idle
    _leakage: Array = field(init=False, repr=False)  # rows: I_0, T_0, k_T, V_0, k_V

    def __post_init__(self) -> None:
        if not self.blocks or len(set(self.blocks)) != len(self.blocks):
            raise ValueError(f"blocks is {self.blocks!r}, expected unique names, at least one")
        if len(self.parts) != len(self.blocks):
            raise ValueError(
                f"parts has {len(self.parts)} entries, expected one per block: {len(self.blocks)}"
            )
        capacitance = np.array([[p.C_idle, p.C_active - p.C_idle] for p in self.parts]).T
        leakage = np.array(
            [[getattr(p.leakage, entry.name) for entry in fields(Leakage)] for p in self.parts]
        ).T
        object.__setattr__(self, "_capacitance", capacitance)
        object.__setattr__(self, "_leakage", leakage)

    def _leakage_w(self, voltage_v: ArrayLike, temps_degc: ArrayLike) -> Array:
        I_0, T_0, k_T, V_0, k_V = self._leakage
        voltage = _array(voltage_v)
        exponent = k_T * (_array(temps_degc) - T_0) + k_V * (voltage - V_0)
        return _array(voltage * I_0 * np.exp(exponent))

    def power_w(
        self,
        voltage_v: ArrayLike,
        frequency_hz: ArrayLike,
        *,
        utilisation: ArrayLike,
        temps_degc: ArrayLike,
    ) -> Array:
        """Return the power of each block [W].

        Parameters
        ----------
        voltage_v, frequency_hz
            Supply voltage [V] and clock [Hz] of each block, shape (..., n_blocks).
        utilisation
            Share of the time each block works, 0..1, shape (..., n_blocks).
        temps_degc
            Junction temperature of each block, shape (..., n_blocks) [degC].

        Returns
        -------
        ndarray
            Power, of the broadcast shape (..., n_blocks) [W].

        Raises
        ------
        ValueError
            If a utilisation is outside 0..1.
        """
        busy = _array(utilisation)
        if not ((busy >= 0.0) & (busy <= 1.0)).all():
            raise ValueError(f"utilisation is {utilisation!r}, expected 0..1 in every block")
        idle, extra = self._capacitance
        switching = dynamic_power(idle + busy * extra, voltage_v, f=frequency_hz)
        return _array(switching + self._leakage_w(voltage_v, temps_degc))

    def slope_w_per_k(self, voltage_v: ArrayLike, temps_degc: ArrayLike) -> Array:
        """Return how fast each block's power grows with its own temperature [W/K].

        Shapes as in `power_w`; frequency and utilisation do not enter, only leakage does.
        """
        return _array(self._leakage[2] * self._leakage_w(voltage_v, temps_degc))
