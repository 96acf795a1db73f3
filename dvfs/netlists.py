"""Generated circuits: a multiplier and a multiply-accumulate element with an 8-bit mode, an ALU.

All are registered at their inputs and outputs, so a circuit's longest path is its clock.
"""

from collections.abc import Sequence
from enum import Enum

from dvfs.builder import ONE, ZERO, Builder
from dvfs.gates import Netlist

ACCUMULATOR_BITS = 40  # room for 256 products of 32 bits


class Reduction(Enum):
    """How partial products are summed up."""

    ARRAY = "array"  # carry-save row by row, ripple adder at the end: small, long, much slack
    TREE = "tree"  # Dadda tree, parallel-prefix adder at the end: what a synthesiser builds


def multiplier(*, bits: int = 16, reduction: Reduction = Reduction.TREE) -> Netlist:
    """Return a signed multiplier whose low operand halves a mode input gates to 0.

    Input buses ``a`` and ``b`` (`bits` wide, two's complement) and ``narrow`` (1 bit); output bus
    ``product`` (2 x `bits`), two cycles later. With ``narrow`` at 1 the product is that of the
    high halves, shifted left by `bits`: a half-width multiplication in the same hardware, as
    nested weights need it.

    Raises
    ------
    ValueError
        If `bits` is not even and at least 4.
    """
    b = Builder(f"multiplier{bits}-{reduction.value}")
    left, right, _ = _operands(b, bits)
    columns = _partial_products(b, left, right, extend_to=2 * bits)
    total = _sum_columns(b, columns, reduction)
    return b.finish({"product": [b.register(net) for net in total]})


def multiply_accumulate(*, bits: int = 16, reduction: Reduction = Reduction.TREE) -> Netlist:
    """Return a multiply-accumulate element: operand registers, fused product and sum, register.

    Input buses as `multiplier`; output bus ``total`` (40 bits at 16-bit operands) adds up the
    products from reset on. With ``narrow`` at 1 the accumulator's low `bits` bits are gated too.

    Raises
    ------
    ValueError
        If `bits` is not even and at least 4.
    """
    width = 2 * bits + ACCUMULATOR_BITS - 32
    b = Builder(f"mac{bits}-{reduction.value}")
    left, right, wide = _operands(b, bits)
    accumulator = [b.register() for _ in range(width)]
    columns = _partial_products(b, left, right, extend_to=width)
    for column, net in zip(columns, accumulator, strict=True):
        column.append(net)
    total = _sum_columns(b, columns, reduction)
    for position, (register, net) in enumerate(zip(accumulator, total, strict=True)):
        b.connect(register, b.both(net, wide) if position < bits else net)
    return b.finish({"total": accumulator})


def alu(*, bits: int = 32) -> Netlist:
    """Return a RISC integer unit: adder, logic and barrel shifter between registers.

    Input buses ``a``, ``b`` (`bits` wide) and ``operation`` (3 bits: 0 add, 1 subtract, 2 and,
    3 or, 4 exclusive or, 5 shift left, 6 shift right, 7 shift right arithmetic; the shift count is
    the low bits of ``b``); output bus ``result``, two cycles later.

    Raises
    ------
    ValueError
        If `bits` is not a power of two of at least 4.
    """
    if bits < 4 or bits & (bits - 1):
        raise ValueError(f"bits is {bits}, expected a power of two of at least 4")
    b = Builder(f"alu{bits}")
    left = [b.register(net) for net in b.input("a", bits)]
    right = [b.register(net) for net in b.input("b", bits)]
    op = [b.register(net) for net in b.input("operation", 3)]
    added = _prefix_adder(b, left, [b.xor(net, op[0]) for net in right], carry=op[0])
    shifted = _shifter(b, left, right[: bits.bit_length() - 1], op)
    exclusive = b.nor(op[0], op[1])
    result = []
    for x, y, plus, moved in zip(left, right, added, shifted, strict=True):
        nand, nor = b.nand(x, y), b.nor(x, y)
        logic = b.inv(b.mux(nand, nor, op[0]))
        arithmetic = b.mux(plus, logic, op[1])
        other = b.mux(moved, b.both(nand, b.inv(nor)), exclusive)
        result.append(b.mux(arithmetic, other, op[2]))
    return b.finish({"result": [b.register(net) for net in result]})


def _operands(b: Builder, bits: int) -> tuple[list[int], list[int], int]:
    """Add both operand registers, low halves gated, and return them with the wide-mode net."""
    if bits < 4 or bits % 2:
        raise ValueError(f"bits is {bits}, expected an even number of at least 4")
    a, c, narrow = b.input("a", bits), b.input("b", bits), b.input("narrow", 1)[0]
    wide = b.inv(narrow)
    gated = [
        [b.register(b.both(net, wide) if k < bits // 2 else net) for k, net in enumerate(bus)]
        for bus in (a, c)
    ]
    return gated[0], gated[1], wide


def _partial_products(
    b: Builder, left: Sequence[int], right: Sequence[int], *, extend_to: int
) -> list[list[int]]:
    """Return Baugh and Wooley's bits of a signed product, column by column.

    The sign rows are complemented and constants added; ones above column 2n-1 extend the sign.
    """
    n = len(left)
    columns: list[list[int]] = [[] for _ in range(extend_to)]
    nots = [b.inv(net) for net in left], [b.inv(net) for net in right]
    for i in range(n):
        for j in range(n):
            complemented = (i == n - 1) != (j == n - 1)
            bit = b.nand(left[i], right[j]) if complemented else b.nor(nots[0][i], nots[1][j])
            columns[i + j].append(bit)
    for column in (n, *range(2 * n - 1, extend_to)):
        columns[column].append(ONE)
    return columns


def _sum_columns(b: Builder, columns: list[list[int]], reduction: Reduction) -> list[int]:
    """Add up bits in columns of rising weight, modulo 2 to the number of columns."""
    reduced = (_array if reduction is Reduction.ARRAY else _dadda)(b, columns)
    rows = [[column[k] if k < len(column) else ZERO for column in reduced] for k in (0, 1)]
    add = _ripple_adder if reduction is Reduction.ARRAY else _prefix_adder
    return add(b, rows[0], rows[1], carry=ZERO)


def _array(b: Builder, columns: list[list[int]]) -> list[list[int]]:
    """Compress by carry-save rows: each row takes one more bit of every column."""
    running: list[list[int]] = [[] for _ in columns]
    depth = max(len(column) for column in columns)
    for row in range(depth):
        following: list[list[int]] = [[] for _ in columns]
        for at, column in enumerate(columns):
            bits = running[at] + column[row : row + 1]
            if len(bits) == 3:
                total, carry = b.full_adder(bits[0], bits[1], bits[2])
                following[at].append(total)
                if at + 1 < len(columns):
                    following[at + 1].append(carry)
            else:
                following[at].extend(bits)
        running = following
        # Carries may leave three bits where no adder stood: squeeze before the next row comes.
        while any(len(bits) > 2 for bits in running):
            running = _squeeze(b, running)
    return running


def _squeeze(b: Builder, columns: list[list[int]]) -> list[list[int]]:
    following: list[list[int]] = [[] for _ in columns]
    for at, bits in enumerate(columns):
        rest = list(bits)
        if len(rest) > 2:
            total, carry = b.full_adder(*rest[:3])
            rest = [total, *rest[3:]]
            if at + 1 < len(columns):
                following[at + 1].append(carry)
        following[at].extend(rest)
    return following


def _dadda(b: Builder, columns: list[list[int]]) -> list[list[int]]:
    """Compress to two rows in Dadda's steps: heights 2, 3, 4, 6, 9, 13, 19, ..."""
    heights = [2]
    while heights[-1] < max(len(column) for column in columns):
        heights.append(heights[-1] * 3 // 2)
    for height in reversed(heights[:-1]):
        for at, column in enumerate(columns):
            while len(column) > height:
                third = column.pop(2) if len(column) > height + 1 else ZERO
                total, carry = b.full_adder(column.pop(0), column.pop(0), third)
                column.append(total)
                if at + 1 < len(columns):
                    columns[at + 1].append(carry)
    return columns


def _ripple_adder(b: Builder, x: Sequence[int], y: Sequence[int], *, carry: int) -> list[int]:
    total = []
    for p, q in zip(x, y, strict=True):
        bit, carry = b.full_adder(p, q, carry)
        total.append(bit)
    return total


def _prefix_adder(b: Builder, x: Sequence[int], y: Sequence[int], *, carry: int) -> list[int]:
    """Add with Sklansky's prefix tree: logarithmic depth, the fewest nodes, high fan-out."""
    halves = [b.xor(p, q) for p, q in zip(x, y, strict=True)]
    generate = [carry, *(b.both(p, q) for p, q in zip(x, y, strict=True))]
    through = [ZERO, *halves]
    span = 1
    while span < len(generate):
        for at in range(len(generate)):
            if at & span:
                low = (at & ~(2 * span - 1)) | (span - 1)
                # g' = g OR (p AND g_low), in two levels of NAND
                generate[at] = b.nand(b.inv(generate[at]), b.nand(through[at], generate[low]))
                through[at] = b.both(through[at], through[low])
        span *= 2
    return [b.xor(half, generate[at]) for at, half in enumerate(halves)]


def _shifter(b: Builder, word: list[int], count: Sequence[int], op: Sequence[int]) -> list[int]:
    """Shift right by up to len(word) - 1; a shift left reverses the word before and after."""
    right, sign = op[1], b.both(b.both(op[0], op[1]), word[-1])
    moved = [b.mux(mirrored, bit, right) for bit, mirrored in zip(word, word[::-1], strict=True)]
    for stage, select in enumerate(count):
        ahead = moved[1 << stage :] + [sign] * (1 << stage)
        moved = [b.mux(here, there, select) for here, there in zip(moved, ahead, strict=True)]
    return [b.mux(mirrored, bit, right) for bit, mirrored in zip(moved, moved[::-1], strict=True)]
