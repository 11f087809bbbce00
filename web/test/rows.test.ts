import { describe, expect, it } from 'vitest';
import type { CompletenessRow } from '../src/api';
import { gaps, meterDays } from '../src/pure/completeness';
import { metricRows, parseMetrics } from '../src/pure/metrics';
import { formatRoute, parseRoute } from '../src/route';

function day(usage_point: string, channel: string, start: string, end: string, missing: number, estimated = 0): CompletenessRow {
    return { usage_point, channel, start, end, expected: 96, present: 96 - missing - estimated, estimated, missing, measured_share: 1, contiguous_to: null };
}

const ROWS = [
    day('A', '1.8.0', '2026-03-27T23:00:00Z', '2026-03-28T23:00:00Z', 4),
    day('A', '1.8.0', '2026-03-28T23:00:00Z', '2026-03-29T22:00:00Z', 3),
    day('A', '1.8.0', '2026-03-29T22:00:00Z', '2026-03-30T22:00:00Z', 0, 5),
    day('A', '2.8.0', '2026-03-29T22:00:00Z', '2026-03-30T22:00:00Z', 1),
    day('B', '1.8.0', '2026-03-29T22:00:00Z', '2026-03-30T22:00:00Z', 90),
];

describe('completeness', () => {
    it('is summed by meter and local day', () => {
        const meters = meterDays(ROWS, ['2026-03-28', '2026-03-29', '2026-03-30'], () => 'Europe/Amsterdam');
        expect(meters.map(meter => meter.usage_point)).toEqual(['A', 'B']);
        expect(meters[0].cells[2]).toEqual({ expected: 192, present: 186, estimated: 5, missing: 1 });
        expect(meters[1].cells[0]).toBeNull();
        expect(meters[0].total.missing).toBe(8);
    });
    it('has gaps over days, the greatest first', () => {
        expect(gaps(ROWS).map(gap => [gap.usage_point, gap.channel, gap.days, gap.missing])).toEqual([['B', '1.8.0', 1, 90], ['A', '1.8.0', 2, 7], ['A', '2.8.0', 1, 1]]);
    });
});

describe('metrics', () => {
    it('are read as they are written', () => {
        const metrics = parseMetrics('# HELP a_seconds How\\nlong.\n# TYPE a_seconds histogram\na_seconds_bucket{le="+Inf"} 3\na_seconds_sum 0.5\na_seconds_count 3\n# TYPE b gauge\nb{x="1 2"} +Inf\n# TYPE c gauge\n\nd_count 4\n');
        expect(metrics.map(metric => [metric.name, metric.type, metric.samples.length])).toEqual([['a_seconds', 'histogram', 3], ['b', 'gauge', 1], ['d_count', 'untyped', 1]]);
        expect(metrics[0].samples[0]).toEqual({ labels: '{le="+Inf"}', value: 3, suffix: '_bucket' });
        expect(metrics[0].help).toBe('How long.');
        expect(metrics[1].samples[0].value).toBe(Infinity);
    });
    it('are rows: a histogram in words, units by their names', () => {
        const histogram = (labels: string, counts: number[]) => ['0.005', '0.1', '+Inf'].map((le, i) => `a_seconds_bucket{${labels}le="${le}"} ${counts[i]}\n`).join('')
            + `a_seconds_sum{x="1"} 1\na_seconds_count{x="1"} ${counts[2]}\n`;
        const rows = metricRows(parseMetrics(`# HELP a_seconds How long.\n# TYPE a_seconds histogram\n${histogram('x="1",', [60, 99, 100])}${histogram('x="2",', [0, 0, 0])}`
            + '# TYPE b_bytes gauge\nb_bytes 2048\n# TYPE c_seconds_total counter\nc_seconds_total 90\n# TYPE d_start_time_seconds gauge\nd_start_time_seconds 1774742400.5\n'));
        expect(rows.map(row => [row.name, row.labels, row.value.replace(/\u202f/g, ' ')])).toEqual([
            ['a_seconds', '{x="1"}', '100: half ≤ 5 ms, 99 % ≤ 100 ms'], ['b_bytes', '', '2.0 KiB'], ['c_seconds_total', '', '1 min 30 s'],
            ['d_start_time_seconds', '', '2026-03-29T00:00:00Z']]);
        const late = metricRows(parseMetrics('# TYPE e_seconds histogram\ne_seconds_bucket{le="1"} 0\ne_seconds_bucket{le="+Inf"} 7\n'));
        expect(late.map(row => [row.labels, row.value])).toEqual([['', '7: half > 1 s, 99 % > 1 s']]);
    });
});

describe('addresses', () => {
    it('are read back as they were written', () => {
        const query = { channel: '1-1:1.29.0', reason: 'a & b = c?', at: '2026-03-29T00:15:00Z' };
        const hash = formatRoute(['meters', 'A/B 100%'], query);
        expect(hash).toBe('#/meters/A%2FB%20100%25?channel=1-1:1.29.0&reason=a%20%26%20b%20%3D%20c%3F&at=2026-03-29T00:15:00Z');
        expect(parseRoute(hash)).toEqual({ path: ['meters', 'A/B 100%'], query });
    });
    it('leave out what is empty', () => {
        expect(formatRoute([], { a: '', b: null, c: undefined, d: 0 })).toBe('#/?d=0');
        expect(parseRoute('')).toEqual({ path: [], query: {} });
        expect(parseRoute('#/meters/%E0%A4%A')).toEqual({ path: ['meters', '%E0%A4%A'], query: {} });
    });
});
