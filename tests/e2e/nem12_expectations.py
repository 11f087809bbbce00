"""Where busbar reads a file of the NEM12/NEM13 set otherwise than nem-reader did.

expected.json says what nem-reader made of each file. busbar agrees but for the files below. `why`
is the reason; `errors` are the refusals, (line, code), that make busbar refuse the file as a whole;
`partial` is what `--partial` keeps, per channel as expected.json has it (only what differs from
expected.json is listed; None: the channel is not there).

General rules that need no entry:
  * Nobody reads 400 records of a refused day: nem-reader lays them over the day before.
  * A missing interval (quality N) has no value, whatever number stands in its place.
  * Units are compared without regard to case; an empty one is the unit "1", marked.
"""

DEVIATIONS = {
    "invalid/Example_NEM12_15min_200_30min_400.csv": {
        "why": "The 400 records cover intervals 1 to 48 of a day of 96, so that half the day has no "
        "quality. nem-reader reads it with 48 values of quality V, though its tests call it ideally "
        "rejected. A 400 that disagrees with its intervals is refused.",
        "errors": [(3, 1017)],
        "partial": {"123/E1": None},
    },
    "invalid/Example_NEM12_30min_200_15min_300.csv": {
        "why": "96 values where 30-minute intervals make 48. nem-reader takes the first 48 and loses "
        "the rest, though its tests call the file ideally rejected.",
        "errors": [(3, 1017)],
        "partial": {"123/E1": None},
    },
    "invalid/Example_NEM12_30min_200_15min_400.csv": {
        "why": "96 values where 30-minute intervals make 48. nem-reader fails at the 400 record that "
        "follows; busbar names the 300 record, which is where the contradiction begins.",
        "errors": [(3, 1017)],
        "partial": {"123/E1": None},
    },
    "invalid/Example_NEM12_empty.csv": {
        "why": "A header and a trailer with nothing between them. nem-reader reads it as no meters "
        "when it is not strict. An empty delivery is more often a failed export than a quiet day.",
        "errors": [(2, 1002)],
        "whole_file": True,
    },
    "invalid/Example_NEM12_missing_header.csv": {
        "why": "No 100 record: the beginning may be lost, so the file is refused. --partial is the "
        "way to say that it is good enough, as strict=False is for nem-reader.",
        "errors": [(2, 1018)],
        "partial": {},
    },
    "invalid/Example_NEM12_powercor.csv": {
        "why": "Two files without 100 records, one behind the other; each is reported. Both hold the "
        "same day with different values and the same UpdateDateTime. nem-reader appends the second "
        "(96 readings of a day of 48); busbar keeps one value for one time, the one that came last, "
        "and counts the other 48 as changed.",
        "errors": [(2, 1018), (8, 1018)],
        "partial": {
            "VABD000163/E1": {
                "readings": 48,
                "sum": "159.984",
                "first_value": "3.333",
                "quality_counts": {"A": 48},
            },
            "VABD000163/Q1": {
                "readings": 48,
                "sum": "213.312",
                "first_value": "4.444",
                "quality_counts": {"A": 48},
            },
        },
    },
    "nem12/NEM12#Scenario10#ETSAMDP#NEMMCO.csv": {
        "why": "A 300 record is folded over three lines. Its first line is a 300 record with no "
        "values, the other two begin with no record indicator. The parts could be joined here, but "
        "not in general: a value may read 300 or 900, and a folded record looks like one that lost "
        "its end. So the lines are refused by number, and the sender can be asked. nem-reader drops "
        "the day without a word and gives its 400 records to the day before (24 E52 that were A).",
        "errors": [(27, 1017), (28, 1004), (29, 1004)],
        "partial": {"NEM1210191/B2": {"quality_counts": {"F55": 11, "A": 85}}},
    },
}
