"""Innermost loops of a compiled library, and what of their sums lies in memory."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

FUNCTION = re.compile(r"^[0-9a-f]+ <(.*)>:$")
INSTRUCTION = re.compile(r"^\s*([0-9a-f]+):\s+(.*)$")
JUMP = re.compile(r"^j\w+\s+([0-9a-f]+)")
STACK = re.compile(r"zmm.*\(%r[sb]p|\(%r[sb]p.*zmm")


@dataclass(frozen=True, slots=True)
class Loop:
    """An innermost loop: its function, and its instructions."""

    function: str
    instructions: tuple[str, ...]

    @property
    def dots(self) -> int:
        """Dot products in it."""
        return sum("vpdpbusd" in text for text in self.instructions)

    @property
    def spills(self) -> int:
        """Vectors that go to the stack or come from it."""
        return sum(bool(STACK.search(text)) for text in self.instructions)


def innermost_loops(library: Path) -> list[Loop]:
    """Disassemble a library with objdump."""
    command = ["objdump", "-d", "--no-show-raw-insn", str(library)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    functions: dict[str, list[tuple[int, str]]] = {}
    body: list[tuple[int, str]] = []
    for line in text.splitlines():
        if found := FUNCTION.match(line):
            body = functions.setdefault(found[1], [])
        elif found := INSTRUCTION.match(line):
            body.append((int(found[1], 16), found[2]))
    return [loop for name, lines in functions.items() for loop in _loops(name, lines)]


def _loops(name: str, lines: list[tuple[int, str]]) -> list[Loop]:
    """Find the jumps back that hold no other one."""
    place = {address: index for index, (address, _) in enumerate(lines)}
    spans = []
    for index, (_, text) in enumerate(lines):
        found = JUMP.match(text)
        start = place.get(int(found[1], 16)) if found else None
        if start is not None and start < index:
            spans.append((start, index))
    inner = [
        (start, end)
        for start, end in spans
        if not any(start <= a and b <= end and (a, b) != (start, end) for a, b in spans)
    ]
    return [Loop(name, tuple(text for _, text in lines[a : b + 1])) for a, b in inner]
