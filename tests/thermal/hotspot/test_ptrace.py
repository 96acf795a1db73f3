import numpy as np
import pytest
from dies import DATA
from hypothesis import given
from hypothesis import strategies as st
from refusals import in_one_line, read_or_refusal

from thermal.floorplan import Block, Floorplan
from thermal.hotspot.ptrace import PowerTrace, parse_ptrace
from thermal.hotspot.text import HotSpotInputError, load_text

PLAN = Floorplan((Block("A", 1e-3, 1e-3, 0.0, 0.0), Block("B", 1e-3, 1e-3, 1e-3, 0.0)))


def test_columns_may_come_in_any_order_and_capitals():
    trace = parse_ptrace("b a\n1 2\n3 4\n", "p")
    assert trace.in_order_of(PLAN, file="p").tolist() == [[2.0, 1.0], [4.0, 3.0]]


def test_blank_lines_comments_and_trailing_tabs_are_read_over():
    trace = parse_ptrace(load_text(DATA / "quad.ptrace"), "quad.ptrace")
    assert trace.names == ("io", "CPU", "DSP", "Cache")
    assert trace.power_w.shape == (3, 4)
    assert trace.power_w.sum() == pytest.approx(3.25)


def test_a_last_sample_without_a_newline_counts():
    assert parse_ptrace("A\n1\n2", "p").power_w.tolist() == [[1.0], [2.0]]


@pytest.mark.parametrize("header", ["A", "A B C", "A C"])
def test_a_trace_of_other_blocks_than_the_floorplan_is_refused(header):
    trace = parse_ptrace(f"{header}\n{'1 ' * len(header.split())}\n", "p")
    with pytest.raises(
        HotSpotInputError, match=r"^p: columns lack \[.*\] and add \[.*\], expected"
    ):
        trace.in_order_of(PLAN, file="p")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "p: no sample"),
        ("A B\n", "p: no sample"),
        ("A B\n1\n", "p:2: 1 values, expected one for each of 2"),
        ("A B\n\n1 2 3\n", "p:3: 3 values"),
        ("A B\n1 x\n", "p:2: B is 'x', expected a finite number"),
        ("A B\n1 inf\n", "p:2: B is 'inf', expected a finite number"),
        ("A B a\n1 2 3\n", "p:1: columns repeat ['A', 'a'], expected each block once"),
    ],
)
def test_what_is_no_trace_is_refused_with_its_place(text, message):
    with pytest.raises(HotSpotInputError) as caught:
        parse_ptrace(text, "p")
    assert str(caught.value).startswith(message)


@given(st.text(alphabet="AB# \t\r\n0123456789.e+-_naif\u00b5", max_size=80))
def test_any_text_is_a_trace_or_refused_in_one_line(text):
    result = read_or_refusal(lambda: parse_ptrace(text, "p"))
    if isinstance(result, PowerTrace):
        assert np.isfinite(result.power_w).all()
    else:
        assert in_one_line(result, "p")
