"""Plots: where values stand on an axis, and what is written into the SVG."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from coco_core.metrics import Interval
from coco_experiments.report.plots.scale import Scale, linear, logarithmic, ticks
from coco_experiments.report.plots.scatter import Dot, scatter
from coco_experiments.report.plots.shares import share_bar
from coco_experiments.report.plots.steps import difference_steps
from coco_experiments.report.plots.strips import axis_strip, interval_strip


def test_ticks_are_round_and_within_the_axis() -> None:
    assert ticks(0, 1) == (0, 0.2, 0.4, 0.6, 0.8, 1)
    assert ticks(-0.31, 0.18) == (-0.3, -0.2, -0.1, 0, 0.1)
    assert ticks(0, 37) == (0, 10, 20, 30)


def test_a_linear_axis_ends_at_round_values() -> None:
    axis = linear([0.23, 0.61])
    assert (axis.low, axis.high) == pytest.approx((0.2, 0.7))
    assert axis.place(axis.low) == 0
    assert axis.place(axis.high) == 100
    assert linear([3, 7], least=0.0).low == 0
    # One value still has a place.
    assert 0 < linear([0.5]).place(0.5) < 100
    assert linear([]).place(0.5) == 50


def test_a_logarithmic_axis_keeps_distances_of_ratios() -> None:
    axis = Scale(1, 100, log=True)
    assert axis.place(10) == 50
    assert axis.place(0) == 0
    assert axis.ticks == (1, 2, 5, 10, 20, 50, 100)
    around = logarithmic([2, 80])
    assert around.low < 2 < 80 < around.high


def test_texts_are_escaped() -> None:
    hostile = "<script>alert(1)</script>"
    dot = Dot(hostile, hostile, "c0", 5, 0.5)
    for drawing in (
        scatter([dot], hostile, str),
        interval_strip(linear([0, 1]), Interval(0.5, 0.4, 0.6), "c0", hostile),
        share_bar((("done", 1),), hostile),
        difference_steps([0.5], hostile),
        axis_strip(linear([0, 1]), lambda value: hostile),
    ):
        assert "<script" not in drawing
        ElementTree.fromstring(drawing)


def test_the_interval_stands_where_it_is() -> None:
    root = ElementTree.fromstring(
        interval_strip(Scale(0, 1), Interval(0.5, 0.25, 0.75), "c1", "half")
    )
    [whisker, *_] = [each for each in root if each.get("class") == "whisker c1"]
    assert (whisker.get("x1"), whisker.get("x2")) == ("25.0%", "75.0%")
    [dot] = root.findall("circle")
    assert dot.get("cx") == "50.0%"
    assert root.get("aria-label") == "half"


def test_far_latencies_are_drawn_on_a_logarithmic_axis() -> None:
    near = scatter(
        [Dot("1", "", "c0", 10, 0.5), Dot("2", "", "c0", 20, 0.6)], "", lambda x: f"{x:g}"
    )
    far = scatter(
        [Dot("1", "", "c0", 1, 0.5), Dot("2", "", "c0", 900, 0.6)], "", lambda x: f"{x:g}"
    )
    texts = [
        {each.text for each in ElementTree.fromstring(plot) if each.text} for plot in (near, far)
    ]
    assert "0" in texts[0]
    assert "100" in texts[1]
    assert "0" not in texts[1]


def test_numbers_beside_dots_that_meet_do_not_cover_each_other() -> None:
    dots = [Dot(str(at), "", "c0", 10, 0.5) for at in range(4)]
    root = ElementTree.fromstring(scatter(dots, "", str))
    places = {
        (each.get("dx"), each.get("dy"))
        for each in root.findall("text")
        if "number" in (each.get("class") or "")
    }
    assert len(places) == 4


def test_differences_are_one_area_above_and_one_below_whatever_their_number() -> None:
    root = ElementTree.fromstring(difference_steps([0.5, -1.0, 0.0, 0.5] * 250, "all"))
    shapes = {each.get("class"): each.get("d") for each in root}
    assert shapes["zero"] == "M0 100H1000"
    # 500 questions up by a half, then 250 alike, then 250 lost whole.
    assert shapes["won"] == "M0 100V50.0H500V100Z"
    assert shapes["lost"] == "M750 100V200.0H1000V100Z"


def test_nothing_done_is_an_empty_bar() -> None:
    assert not ElementTree.fromstring(share_bar((("done", 0), ("spared", 0)), "none")).findall(
        "rect"
    )
    [spared] = ElementTree.fromstring(share_bar((("done", 0), ("spared", 5)), "")).findall("rect")
    assert spared.get("width") == "100.0%"
