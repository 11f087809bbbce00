"""A witness: what busbar has to answer, worked out a second time from the formulas alone.

Plain Python and exact fractions, written from docs/validation.md and the headers of src/derive without a
look at how they are carried out there. Slow and simple on purpose: nothing is stored, nothing is reused,
every period is worked out from all the readings of its channel.

    values      units, decimals and how they are rounded
    calendars   days, months and hours of a zone and a start of day
    readings    what is told, and what validation makes of it (gaps, straight lines)
    registers   which readings count, and how a register ran between them
    estimators  like days, profile, flat
    periods     hours, days and months from what is validated
    sums        intervals against registers
    cases       random usage points, and the files that tell busbar of them
    meters      those with devices: exchanges, rollovers, resets, multipliers

Times are integers, milliseconds since 1970 in UTC. test_reference.py asks busbar and compares.
"""
