"""The window that a convolution or a pooling slides over an image."""

from dataclasses import dataclass

from adaptive.graph import EVEN


@dataclass(frozen=True, slots=True)
class Window:
    """Height and width of a window, its steps, and the rows and columns added around the image.

    `padding` is added on both sides, `padding_after` more below and to the right.
    """

    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = EVEN
    padding_after: tuple[int, int] = EVEN

    @property
    def margins(self) -> tuple[int, int, int, int]:
        """Columns on the left and right, rows above and below: the order torch pads in."""
        (above, left), (below, right) = self.padding, self.padding_after
        return left, left + right, above, above + below


def square(kernel: int, *, stride: int = 1) -> Window:
    """Return a square window that keeps the resolution at stride one, if the kernel is odd."""
    return Window((kernel, kernel), (stride, stride), (kernel // 2, kernel // 2))


def tiles(kernel: int) -> Window:
    """Return a square window that moves by its own size, without padding."""
    return Window((kernel, kernel), (kernel, kernel))
