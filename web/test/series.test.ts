import { describe, expect, it } from 'vitest';
import { Shade } from '../src/pure/quality';
import { buckets, dayProfiles, durationCurve, facts, firstAfter, niceScale, rate, readColumns, slice, spans, unsuspected, usualTop, type Columns } from '../src/pure/series';
import { HOUR, localDays, MINUTE } from '../src/pure/time';

const QUALITIES = ['measured', 'estimated|method:linear|check:gap', 'missing|check:gap', 'measured|suspect|check:spike'];
const START = Date.parse('2026-03-28T23:00:00Z'); // a day of 23 hours begins in Amsterdam

function quarters(values: (number | null)[], quality: number[] = values.map(value => value === null ? 2 : 0)): Columns {
    const start = values.map((_, i) => START + i * 15 * MINUTE);
    return { channel: '1-1:1.29.0', unit: 'kWh', kind: 'interval', zone: 'Europe/Amsterdam', start, end: start.map(ms => ms + 15 * MINUTE), value: values, quality, qualities: QUALITIES };
}

describe('columns', () => {
    it('become a series', () => {
        const series = readColumns(quarters([1, null, 3], [0, 2, 3]));
        expect([...series.value]).toEqual([1, NaN, 3]);
        expect([...series.shade]).toEqual([Shade.Measured, Shade.Missing, Shade.Suspect]);
        expect(series.quality[2]).toBe(QUALITIES[3]);
        expect([...series.band]).toEqual([NaN, NaN, NaN]);
    });
});

describe('a part of a series', () => {
    it('has the intervals that begin in it', () => {
        const series = readColumns(quarters([1, 2, 3, 4]));
        expect([...slice(series, START + 15 * MINUTE, START + 45 * MINUTE).value]).toEqual([2, 3]);
        expect(slice(series, START - HOUR, START).value.length).toBe(0);
        expect(slice(series, START, START + HOUR).quality.length).toBe(4);
    });
    it('has the instants that are in it', () => {
        const columns = quarters([1, 2, 3]);
        const series = readColumns({ ...columns, kind: 'register', start: columns.end });
        expect([...slice(series, columns.end[0], columns.end[2]).value]).toEqual([1, 2]);
    });
    it('is found by halving', () => {
        const end = Float64Array.from([10, 20, 30]);
        expect([9, 10, 29, 30].map(ms => firstAfter(end, ms))).toEqual([0, 1, 2, 3]);
    });
});

describe('spans', () => {
    it('join neighbours of one shade', () => {
        const runs = spans(readColumns(quarters([1, 2, 2, null, null, 1], [0, 1, 1, 2, 2, 0])));
        expect(runs.map(run => [run.shade, (run.to - run.from) / MINUTE])).toEqual([[Shade.Estimated, 30], [Shade.Missing, 30]]);
    });
    it('break where time does', () => {
        const columns = quarters([1, 1], [1, 1]);
        columns.start[1] += HOUR;
        columns.end[1] += HOUR;
        expect(spans(readColumns(columns)).length).toBe(2);
    });
});

describe('buckets', () => {
    it('keep the least, the greatest and the worst of each', () => {
        const seen = buckets(readColumns(quarters([1, 5, 2, 9, null, 4], [0, 0, 1, 0, 2, 0])), START, START + 90 * MINUTE, 3);
        expect(seen).toEqual({ index: [0, 1, 2], min: [1, 2, 4], max: [5, 9, 4], last: [5, 9, 4], shade: [Shade.Measured, Shade.Estimated, Shade.Measured] });
    });
    it('never lose a peak of a year', () => {
        const values = Array.from({ length: 35_040 }, () => 0.1);
        values[17_321] = 30;
        const seen = buckets(readColumns(quarters(values)), START, START + values.length * 15 * MINUTE, 1000);
        expect(Math.max(...seen.max)).toBe(30);
        expect(seen.index.length).toBe(1000);
    });
});

describe('facts', () => {
    it('sum what is there', () => {
        const sums = facts(readColumns(quarters([1, null, 3, 2], [0, 2, 3, 1])));
        expect(sums).toMatchObject({ count: 3, total: 6, mean: 2, max: 3, maxAt: 2, min: 1, minAt: 0, seconds: 2700 });
        expect(sums.shades).toEqual([1, 0, 1, 1, 1]);
        expect(facts(readColumns(quarters([]))).count).toBe(0);
    });
    it('know rates', () => {
        const rates = rate(readColumns(quarters([0.25])));
        expect([rates.value[0], rates.unit]).toEqual([1, 'kW']);
        expect(rate({ ...readColumns(quarters([1])), unit: 'm³' }).unit).toBe('m³/h');
        expect(rate({ ...readColumns(quarters([1])), kind: 'gauge', unit: 'bar' }).unit).toBe('bar');
    });
    it('sort for how long', () => {
        expect([...durationCurve(Float64Array.from([1, NaN, 3, 2, -1]))]).toEqual([3, 2, 1, -1]);
    });
    it('set suspect peaks apart', () => {
        const series = readColumns(quarters([1, 30, 2], [0, 3, 0]));
        expect(usualTop(series)).toBe(2);
        expect([...unsuspected(series).value]).toEqual([1, NaN, 2]);
        expect(usualTop(readColumns(quarters([1, 3, 2], [0, 3, 0])))).toBeNull();
    });
});

describe('days', () => {
    it('are as long as they were', () => {
        const series = readColumns(quarters(Array.from({ length: 92 + 96 }, () => 0.25)));
        const days = localDays(START, START + 47 * HOUR, series.zone);
        const profiles = dayProfiles(series, rate(series).value, days);
        expect(profiles.map(profile => profile.hour.length)).toEqual([92, 96]);
        expect(profiles[0].hour[91]).toBe(22.75);
        expect(profiles.map(profile => profile.total)).toEqual([23, 24]);
        expect(profiles.map(profile => profile.max)).toEqual([1, 1]);
    });
});

describe('scales', () => {
    it('are round and hold what is drawn', () => {
        for (const [min, max] of [[0, 1.462], [0, 27.8], [22_345, 22_769], [-3, 8], [5, 5], [0, 0]]) {
            const scale = niceScale(min, max);
            expect(scale.min).toBeLessThanOrEqual(min);
            expect(scale.max).toBeGreaterThan(min);
            expect(scale.max).toBeGreaterThanOrEqual(max);
        }
    });
});
