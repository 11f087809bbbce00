"""The scorer's own rules (tools/score-city): what counts as found, what as a false alarm, what a person would call."""

import collections
import importlib.machinery
import importlib.util
import pathlib

import pytest

PATH = pathlib.Path(__file__).parents[2] / "tools/score-city"


@pytest.fixture(scope="module")
def scorer():
    loader = importlib.machinery.SourceFileLoader("score_city", str(PATH))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("score_city", loader))
    loader.exec_module(module)
    return module


def at(hour, minute=0):
    return f"2026-04-01T{hour:02d}:{minute:02d}:00Z"


def fault(scorer, kind, begin, end, channel="c", sigma=50.0, intervals=1, usage_point="A"):
    return scorer.Fault({"kind": kind, "usage_point": usage_point, "channel": channel, "from": begin, "to": end, "size": 1,
                         "sigma": sigma, "intervals": intervals})


def alarm(scorer, check, begin, end=None, channel="c", quality="measured", usage_point="A"):
    return scorer.Alarm({"check": check, "usage_point": usage_point, "channel": channel, "from": begin, "to": end or begin,
                         "at": end or begin, "quality": quality})


def test_called_by_size_or_by_length(scorer):
    called = [fault(scorer, "gap", at(1), at(2), sigma=sigma, intervals=intervals).called
              for sigma, intervals in [(5.99, 3), (6.0, 1), (0.0, 4)]]
    assert called == [False, True, True]


@pytest.mark.parametrize("begin, end, found", [
    (at(1), at(1), False),         # the reading before the fault: (01:00, 02:00] begins behind it
    (at(1, 15), at(1, 15), True),
    (at(2), at(2), True),          # its last reading
    (at(2, 15), at(2, 15), False),
    (at(0), at(1), False),         # stretches that touch do not overlap
    (at(0), at(1, 15), True),
    (at(2), at(3), False),
])
def test_an_alarm_has_to_overlap(scorer, begin, end, found):
    put_in = fault(scorer, "spike", at(1), at(2))
    wrong = scorer.match([put_in], [alarm(scorer, "high", begin, end)])
    assert put_in.is_found == found and len(wrong) == (0 if found else 1)


def test_only_what_stands_for_the_kind_finds_it(scorer):
    put_in = fault(scorer, "stuck", at(1), at(9), intervals=32)
    assert scorer.match([put_in], [alarm(scorer, "sum", at(0), at(23))]) == [], "it is true, though"
    assert not put_in.is_found
    scorer.match([put_in], [alarm(scorer, "stuck", at(1), at(7), channel="another")])
    assert not put_in.is_found
    scorer.match([put_in], [alarm(scorer, "stuck", at(1), at(7))])
    assert put_in.is_found


@pytest.mark.parametrize("check, begin, end, is_false", [
    ("leak", "2026-03-31T02:00:00Z", "2026-04-01T01:00:00Z", False),  # the day before, told of the same run
    ("leak", "2026-03-30T02:00:00Z", "2026-03-31T01:00:00Z", True),
    ("leak", at(9), "2026-04-02T08:00:00Z", False),
    ("sum", "2026-03-31T02:00:00Z", at(1), True),
])
def test_a_run_may_begin_before_its_fault(scorer, check, begin, end, is_false):
    put_in = fault(scorer, "leak", at(1), at(9), intervals=32)
    assert bool(scorer.match([put_in], [alarm(scorer, check, begin, end)])) == is_false
    assert not put_in.is_found, "which it has to overlap to be found"


def test_another_usage_point_excuses_nothing(scorer):
    put_in = fault(scorer, "gap", at(1), at(9), intervals=32)
    assert len(scorer.match([put_in], [alarm(scorer, "gap", at(1), at(9), usage_point="B")])) == 1
    assert not put_in.is_found


def test_a_register_has_to_get_the_right_mark(scorer):
    put_in = fault(scorer, "dip", at(1), at(2))
    wrong = scorer.match([put_in], [alarm(scorer, "register", at(2), quality="measured|reset|check:register")])
    assert [scorer.name_of(one) for one in wrong] == ["register:reset"] and not put_in.is_found
    assert scorer.match([put_in], [alarm(scorer, "register", at(2), quality="measured|dip|check:register")]) == []
    assert put_in.is_found


def test_what_nobody_would_call_may_get_another_mark(scorer):
    put_in = fault(scorer, "reverse", at(1), at(2), sigma=0.4)
    assert scorer.match([put_in], [alarm(scorer, "register", at(2), quality="measured|dip")]) == []
    assert not put_in.is_found


@pytest.mark.parametrize("sigma, bucket", [(0, "none"), (0.5, "<1"), (1, "1-2"), (5.99, "4-6"), (6, "6-10"), (30, ">30")])
def test_sizes_have_buckets(scorer, sigma, bucket):
    assert scorer.bucket_of(scorer.SIGMA_BUCKETS, sigma) == bucket


@pytest.mark.parametrize("length, bucket", [(1, "1"), (3, "2-3"), (4, "4-15"), (95, "16-95"), (96, "96-")])
def test_lengths_have_buckets(scorer, length, bucket):
    assert scorer.bucket_of(scorer.LENGTH_BUCKETS, length) == bucket


def test_estimates_are_compared_on_the_same_values(scorer):
    sums = {"linear": collections.Counter({"values": 4, "gaps": 2, "absolute": 2.0, "squared": 4.0, "compared": 2,
                                           "compared_absolute": 0.5, "compared_squared": 0.25, "naive_absolute": 3.0,
                                           "naive_squared": 5.0, "banded": 4, "covered": 3})}
    row = scorer.estimates_of([{"estimates": sums}, {"estimates": sums}])["linear"]
    assert (row["values"], row["gaps"], row["mae"], row["rmse"]) == (8, 4, 0.5, 1.0)
    assert (row["compared_mae"], row["naive_mae"], row["coverage"]) == (0.25, 1.5, 0.75)


def test_limits_are_told_in_words(scorer):
    kind = {"called": 200, "found": 197, "recall": 0.985, "precision": 1.0, "dense_precision": None}
    linear = {"compared": 9, "compared_mae": 2.0, "naive_mae": 1.0, "banded": 9, "coverage": 0.5}
    assert scorer.missed_limits({"kinds": {"dip": kind}, "false_alarms": {"clean": {"high": 2}},
                                 "estimates": {"linear": linear}}) == [
        "recall of dip is 0.9850, below 0.99",
        "2 false alarms of high in clean cities",
        "estimates by linear are off by 2.0000, the seasonal naive by 1.0000",
        "bands of linear hold 0.500 of the true values",
    ]
