"""Holds one cpufreq policy at a frequency, verifies it, and yields to whoever else wants it."""

from adaptive.board.attribute import Attribute, AttributeDenied, AttributeGone, AttributeRefused
from adaptive.board.policies import KHZ, FoundPolicy, read_frequencies_hz
from adaptive.board.restore import Write, put_back, write_attribute
from adaptive.board.snapshot import PolicySettings
from adaptive.errors import PlatformError
from adaptive.faults import Fault, FaultLog

_DENIED_S = 300.0  # before a write that was denied or ignored is tried again
_REFUSED_S = 60.0  # before a value that was refused is tried again
_YIELD_S = 10.0  # for which a rival is left alone, twice as long each time
_LONGEST_YIELD_S = 640.0
_CAP_S = 1.0  # for which a cap found beneath our own is believed


class FrequencyControl:
    """One policy under our hand, or left alone.

    With the kernel's userspace governor on offer the frequency is set; else `scaling_max_freq`
    caps it and the kernel governor that runs chooses below. Our own intent is remembered, never
    read back from the kernel, whose files show the lowest of everybody's wishes.

    Parameters
    ----------
    policy
        The policy.
    faults
        Where to report.
    write
        Writes a file; replaced in rehearsals.
    """

    def __init__(
        self, policy: FoundPolicy, faults: FaultLog, *, write: Write = write_attribute
    ) -> None:
        self.policy = policy
        self._faults = faults
        self._write = write
        self._sets = "userspace" in policy.governors
        self._khz = tuple(round(f / KHZ) for f in policy.frequencies_hz)
        self._intent_khz: int | None = None
        self._alone_until_s = 0.0
        self._yield_s = _YIELD_S
        self._cap: tuple[float, int] | None = None  # (until, kHz)
        self._files = {
            name: Attribute(policy.path / name)
            for name in ("scaling_governor", "scaling_max_freq", "scaling_setspeed")
        }
        if not self._sets:
            faults.once(
                Fault.NO_USERSPACE, policy.name, detail="scaling_max_freq is capped instead"
            )

    @property
    def intent_hz(self) -> float | None:
        """Frequency held now, None while nothing is [Hz]."""
        return None if self._intent_khz is None else self._intent_khz * KHZ

    def obeys(self, now_s: float) -> bool:
        """Return whether writing is possible and worth while at a time [s]."""
        return now_s >= self._alone_until_s

    def hold(self, frequency_hz: float, now_s: float) -> None:
        """Hold the highest frequency at or below one [Hz], unless the policy is left alone now."""
        khz = self._at_or_below(frequency_hz)
        if khz == self._intent_khz or not self.obeys(now_s):
            return
        try:
            self._set(khz)
        except AttributeRefused:
            self._retry_with_new_table(frequency_hz, now_s)
            return
        except AttributeDenied as error:
            self._leave_alone(Fault.WRITE_DENIED, now_s + _DENIED_S, str(error))
            return
        except AttributeGone as error:
            self._gone(str(error))
            return
        self._verify(khz, now_s)

    def check(self, now_s: float) -> float | None:
        """Look for what others did; return the highest frequency they allow, None for any [Hz]."""
        if self._files["scaling_governor"].moved():
            self._close()
        try:
            governor, most_khz = (
                self._files["scaling_governor"].read(),
                self._files["scaling_max_freq"].read_int(),
            )
            running_khz = self._running_khz(governor)
        except AttributeGone as error:
            self._gone(str(error))
            return None
        except PlatformError:
            return self._capped_hz(now_s)
        self._faults.over(Fault.POLICY_OFFLINE, self.policy.name)
        self._compare(governor, most_khz, running_khz, now_s=now_s)
        return self._capped_hz(now_s)

    def forget(self) -> None:
        """Take nothing written before as still in effect, after a suspend or a new enumeration."""
        self._intent_khz = None
        self._close()

    def give_back(self, settings: PolicySettings, now_s: float) -> bool:
        """Put the original settings back; leave those of a rival. Return whether it is done."""
        if self._faults.is_active(Fault.RIVAL, self.policy.name) and not self.obeys(now_s):
            self.forget()
            return True
        try:
            put_back(settings, write=self._write)
        except AttributeGone:
            pass  # unplugged: the kernel brings it back as new
        except PlatformError as error:
            self._faults.met(Fault.WRITE_DENIED, self.policy.name, detail=str(error))
            return False
        self.forget()
        self._yield_s = _YIELD_S
        return True

    def _close(self) -> None:
        for attribute in self._files.values():
            attribute.close()

    def _set(self, khz: int) -> None:
        path = self.policy.path
        if self._sets:
            if self._files["scaling_governor"].read() != "userspace":
                self._write(path / "scaling_governor", "userspace")
            self._write(path / "scaling_setspeed", str(khz))
            return
        least = Attribute(path / "scaling_min_freq").read_int()
        if least > khz:  # below the lower limit the kernel would refuse, or silently reorder
            self._write(path / "scaling_min_freq", str(self._khz[0]))
        self._write(path / "scaling_max_freq", str(khz))

    def _verify(self, khz: int, now_s: float) -> None:
        """Read back what was just written: nobody else can have been quicker."""
        name = "scaling_setspeed" if self._sets else "scaling_max_freq"
        try:
            found_khz = self._files[name].read_int()
            if self._sets and self._files["scaling_governor"].read() != "userspace":
                found_khz = self._khz[-1] * 2
        except PlatformError as error:
            self._leave_alone(Fault.WRITE_IGNORED, now_s + _DENIED_S, str(error))
            return
        if found_khz > self._above(khz):
            detail = f"wrote {khz} kHz to {name}, which is not in effect"
            self._leave_alone(Fault.WRITE_IGNORED, now_s + _DENIED_S, detail)
            return
        self._intent_khz = khz
        for fault in (Fault.WRITE_DENIED, Fault.WRITE_IGNORED, Fault.WRITE_REFUSED, Fault.RIVAL):
            self._faults.over(fault, self.policy.name)

    def _compare(self, governor: str, most_khz: int, running_khz: int, *, now_s: float) -> None:
        """Compare what is with what we intend."""
        intent, name = self._intent_khz, self.policy.name
        allowed = self._khz[-1] if intent is None or self._sets else intent
        if most_khz < self._below(allowed):
            self._faults.met(Fault.KERNEL_CAP, name, detail=f"capped at {most_khz} kHz")
            self._cap = (now_s + _CAP_S, most_khz)
        elif self._cap is None:
            self._faults.over(Fault.KERNEL_CAP, name)
        if intent is None:
            return
        if self._sets:
            rewritten = governor != "userspace" or running_khz > self._above(intent)
        else:
            rewritten = most_khz > self._above(intent)
        if rewritten:
            detail = f"governor {governor}, at most {most_khz} kHz, where {intent} kHz was set"
            self._leave_alone(Fault.RIVAL, now_s + self._yield_s, detail)
            self._yield_s = min(2.0 * self._yield_s, _LONGEST_YIELD_S)

    def _running_khz(self, governor: str) -> int:
        if not (self._sets and governor == "userspace"):
            return 0
        return self._files["scaling_setspeed"].read_int()

    def _retry_with_new_table(self, frequency_hz: float, now_s: float) -> None:
        """Read the table of frequencies anew and try once more."""
        frequencies, _ = read_frequencies_hz(self.policy.path)
        if frequencies:
            self._khz = tuple(round(f / KHZ) for f in frequencies)
        khz = self._at_or_below(frequency_hz)
        self._faults.met(Fault.WRITE_REFUSED, self.policy.name, detail="frequency table read anew")
        try:
            self._set(khz)
        except PlatformError as error:
            self._leave_alone(Fault.WRITE_REFUSED, now_s + _REFUSED_S, str(error))
            return
        self._verify(khz, now_s)

    def _leave_alone(self, fault: Fault, until_s: float, detail: str) -> None:
        self._intent_khz = None
        self._alone_until_s = until_s
        self._faults.met(fault, self.policy.name, detail=detail)

    def _gone(self, detail: str) -> None:
        self.forget()
        self._cap = None
        self._faults.met(Fault.POLICY_OFFLINE, self.policy.name, detail=detail)

    def _capped_hz(self, now_s: float) -> float | None:
        if self._cap is not None and now_s > self._cap[0]:
            self._cap = None
        return None if self._cap is None else self._cap[1] * KHZ

    def _at_or_below(self, frequency_hz: float) -> int:
        # Half a kilohertz: frequencies in files are rounded.
        lower = [khz for khz in self._khz if khz * KHZ <= frequency_hz + 0.5 * KHZ]
        if not self.policy.listed and lower:
            return round(frequency_hz / KHZ) if frequency_hz / KHZ < self._khz[-1] else lower[-1]
        return lower[-1] if lower else self._khz[0]

    def _above(self, khz: int) -> int:
        """Return the next frequency up: how far a value may be snapped."""
        return next((other for other in self._khz if other > khz), khz)

    def _below(self, khz: int) -> int:
        """Return the lowest reading that is not a cap beneath a frequency."""
        lower = [other for other in self._khz if other < khz]
        return (lower[-1] + 1) if lower else khz
