// The text format of /metrics, as far as a table needs it, and the table.
import { bytes, duration, number, rounded } from './format';

export interface Sample { labels: string; value: number; suffix: string }
export interface Metric { name: string; type: string; help: string; samples: Sample[] }

export function parseMetrics(text: string): Metric[] {
    const metrics = new Map<string, Metric>();
    const named = (name: string) => {
        let metric = metrics.get(name);
        if (!metric) metrics.set(name, metric = { name, type: 'untyped', help: '', samples: [] });
        return metric;
    };
    for (const line of text.split('\n')) {
        const comment = /^# (HELP|TYPE) (\S+) ?(.*)$/.exec(line);
        if (comment) {
            if (comment[1] === 'HELP') named(comment[2]).help = comment[3].replace(/\\n/g, ' ');
            else named(comment[2]).type = comment[3];
            continue;
        }
        const sample = /^([a-zA-Z_:][\w:]*)(\{.*\})?\s+(\S+)/.exec(line);
        if (!sample) continue;
        const base = sample[1].replace(/_(bucket|sum|count)$/, '');
        const name = metrics.has(sample[1]) || !metrics.has(base) ? sample[1] : base;
        const value = sample[3] === '+Inf' ? Infinity : sample[3] === '-Inf' ? -Infinity : Number(sample[3]);
        named(name).samples.push({ labels: sample[2] ?? '', value, suffix: sample[1].slice(name.length) });
    }
    return [...metrics.values()].filter(metric => metric.samples.length > 0);
}

/** A row of the table: a sample, or all of a histogram that has the same labels. */
export interface MetricRow { name: string; labels: string; value: string; help: string }

/** By the unit that its name ends in. */
function valueOf(name: string, value: number): string {
    const base = name.replace(/_total$/, '');
    if (base.endsWith('_start_time_seconds')) return new Date(value * 1000).toISOString().replace(/\.\d+Z$/, 'Z');
    if (base.endsWith('_seconds')) return duration(value);
    if (base.endsWith('_bytes')) return bytes(value);
    return Number.isInteger(value) ? number(value) : rounded(value);
}

/** The least bound that so large a share of all lies below, as far as buckets tell. */
function within(buckets: [number, number][], share: number): string {
    const all = buckets[buckets.length - 1][1];
    const [bound] = buckets.find(([, count]) => count >= share * all)!;
    return bound === Infinity ? `> ${duration(buckets[buckets.length - 2]?.[0] ?? 0)}` : `≤ ${duration(bound)}`;
}

/** A histogram has one row per set of labels, in words; what never happened has none, and other metrics a row per sample. */
export function metricRows(metrics: Metric[]): MetricRow[] {
    return metrics.flatMap(metric => {
        if (metric.type !== 'histogram')
            return metric.samples.map(sample => ({ name: metric.name + sample.suffix, labels: sample.labels, value: valueOf(metric.name, sample.value), help: metric.help }));
        const sets = new Map<string, [number, number][]>();
        for (const sample of metric.samples) {
            const le = /,?le="([^"]*)"/.exec(sample.labels);
            if (sample.suffix !== '_bucket' || !le) continue;
            const labels = sample.labels.replace(le[0], '').replace(/^\{\}$/, '');
            if (!sets.has(labels)) sets.set(labels, []);
            sets.get(labels)!.push([le[1] === '+Inf' ? Infinity : Number(le[1]), sample.value]);
        }
        return [...sets].filter(([, buckets]) => buckets[buckets.length - 1][1] > 0).map(([labels, buckets]) => ({
            name: metric.name, labels, help: metric.help,
            value: `${number(buckets[buckets.length - 1][1])}: half ${within(buckets, 0.5)}, 99 % ${within(buckets, 0.99)}`,
        }));
    });
}
