// The text format of /metrics, as far as a table needs it.

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
