"""Floorplan files (``.flp``)."""

from collections.abc import Set

from thermal.floorplan import Block, Floorplan
from thermal.hotspot.text import HotSpotInputError, Line, is_number, lines, number

_FIELDS = ("width", "height", "left", "bottom")


def parse_floorplan(text: str, file: str) -> Floorplan:
    """Return the floorplan of a ``.flp`` file.

    Each line is ``name width height left bottom`` in metres, then optionally specific heat and
    resistivity, which the block model does not use. Connectivity lines (``name name density``)
    belong to the floorplanner and are skipped.

    Raises
    ------
    HotSpotInputError
        If a line is neither, a number is out of range, or two blocks share a name.
    """
    found = list(lines(text, file))
    names = {line.words[0] for line in found}
    placed = [(line, block) for line in found if (block := _block(line, names))]
    if not placed:
        raise HotSpotInputError(
            f"{file}: no block, expected lines of name, width, height, left, bottom"
        )
    first: dict[str, Line] = {}
    for line, block in placed:
        earlier = first.setdefault(block.name.casefold(), line)
        if earlier is not line:
            raise line.error(
                f"name is {block.name!r}, expected one that {earlier.where} has not used"
            )
    return Floorplan(tuple(block for _, block in placed))


def _block(line: Line, names: Set[str]) -> Block | None:
    """Return the block a line places, None if it tells how two blocks are wired."""
    name, *rest = line.words
    numbers = 0
    while numbers < len(rest) and is_number(rest[numbers]):
        numbers += 1
    if numbers in (4, 6):
        for field, word in zip((*_FIELDS, "specific heat", "resistivity"), rest, strict=False):
            if is_number(word):
                number(word, field, where=line.where)
        try:
            return Block(name, *map(float, rest[:4]))
        except ValueError as error:
            raise line.error(str(error)) from error
    three = len(rest) == 2 or (len(rest) > 2 and rest[2].startswith("#"))
    if three and is_number(rest[1]) and (numbers == 0 or rest[0] in names):
        return None
    raise line.error(
        f"{numbers} numbers after {name!r}, expected width, height, left and bottom [m], "
        "optionally specific heat and resistivity"
    )
