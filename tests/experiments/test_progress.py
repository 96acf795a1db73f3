import io

from experiments.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_bar_that_goes_away() -> None:
    terminal = Terminal()
    progress = Progress("work", terminal)
    progress(0.0)
    progress(0.5)
    progress.close()
    text = terminal.getvalue()
    assert "work" in text
    assert " 50%" in text
    assert text.endswith("\r")


def test_a_log_gets_a_line_a_quarter() -> None:
    log = io.StringIO()
    progress = Progress("work", log)
    for step in range(101):
        progress(step / 100)
    progress.close()
    assert [line.split(" after")[0] for line in log.getvalue().splitlines()] == [
        "work: 25%",
        "work: 50%",
        "work: 75%",
        "work: 100%",
    ]
