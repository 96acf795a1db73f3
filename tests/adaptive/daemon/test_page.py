"""The live page in a real browser: values move, the cap is drawn, a fault shows and goes."""

import browser
import pytest
from running_daemon import running

from experiments.stand_in import write


@pytest.mark.skipif(bool(browser.missing()), reason=browser.missing() or "a browser is there")
def test_the_page_shows_values_that_move_the_cap_and_a_fault() -> None:
    with running() as daemon:
        daemon.wait_told("READY=1")
        with browser.Browser(f"http://127.0.0.1:{daemon.port}/") as page:
            page.wait("document.getElementById('link')?.textContent === 'live'")
            text = "document.getElementById('{}').textContent"
            assert page.wait(f"{text.format('temp')}.startsWith('45.0')")
            assert page.value(text.format("title")) == "adaptived on rpi4b"
            page.wait(f"{text.format('clock')}.endsWith('MHz')")
            page.wait(f"{text.format('bits')}.includes('of 6')")

            # The cap lies within the chart, above the temperature.
            cap_y = page.value("+document.getElementById('capline').getAttribute('y1')")
            points = page.wait("document.getElementById('temps').getAttribute('points')").split()
            assert 0.0 < cap_y < float(points[-1].split(",")[1]) < 220.0
            assert page.value(text.format("caplabel")) == "cap 80 °C"

            daemon.board.set_temp(52.5)
            page.wait(f"{text.format('temp')}.startsWith('52.5')")
            assert page.value(text.format("faults")) == "none"

            write(daemon.board.zone(), "nonsense")
            page.wait(f"{text.format('faults')}.includes('zone-garbage (cpu-thermal)')")
            page.wait(f"{text.format('faults')}.includes('safe')")
            daemon.board.set_temp(50.0)
            page.wait(f"{text.format('faults')} === 'none'")

            daemon.board.set_temp(88.0)
            page.wait("document.getElementById('temp').className === 'bad'")
        daemon.end()
