// Where data is missing, of whom, and what checks say over time.
import { useMemo, useState } from 'preact/hooks';
import { api, everything, type CompletenessRow, type Finding } from '../api';
import { gaps, meterDays, type MeterDays } from '../pure/completeness';
import { number, percent, plural, words } from '../pure/format';
import { addDays, dateShort, dateWords, daysBetween, isDate, localDate } from '../pure/time';
import { change, go, meterLink } from '../route';
import { Figure, Legend } from '../part/figure';
import { useLoad } from '../part/load';
import { DayMap } from '../part/map';
import { Empty, Show } from '../part/state';
import { mix, type Palette } from '../part/theme';

const DAYS = 35;
const PAGES = 30;      // of completeness, 1,000 rows each
const FINDINGS = 10;   // pages of findings
const METERS = 100;    // rows of the map at first

export function QualityPage({ query }: { query: Record<string, string> }) {
    const days = useLoad('day', api.overview);
    return (
        <>
            <h1>Data quality</h1>
            <Show of={days}>{overview => {
                const last = isDate(query.to ?? '') ? query.to : overview.completeness?.day ?? localDate(Date.parse(overview.now) - 86_400_000, 'UTC');
                const first = isDate(query.from ?? '') && query.from <= last ? query.from : addDays(last, 1 - DAYS);
                return <Quality first={first} last={last} byName={query.sort === 'name'} />;
            }}</Show>
        </>
    );
}

function Quality({ first, last, byName }: { first: string; last: string; byName: boolean }) {
    const count = Math.min(400, daysBetween(first, last) + 1);
    const dates = useMemo(() => Array.from({ length: count }, (_, i) => addDays(first, i)), [first, count]);
    const loaded = useLoad(`completeness ${first} ${last}`, async signal => {
        const rows = await everything(cursor => api.completeness({ from: first, to: addDays(last, 1), limit: 1000, cursor }, signal), PAGES);
        return { ...rows, zones: await zones(signal) };
    });
    const findings = useLoad('findings', signal => everything(cursor => api.findings({ limit: 1000, cursor }, signal), FINDINGS));
    const step = (direction: number) => change({ from: addDays(first, direction * count), to: addDays(last, direction * count) });
    return (
        <>
            <div class="toolbar">
                <div class="period">
                    <div class="segmented" role="group" aria-label="Period">
                        <button aria-label="Earlier" onClick={() => step(-1)}>‹</button>
                        <button aria-label="Later" onClick={() => step(1)}>›</button>
                    </div>
                    <label>From <input type="date" value={first} onChange={event => change({ from: event.currentTarget.value })} /></label>
                    <label>to <input type="date" value={last} onChange={event => change({ to: event.currentTarget.value })} /></label>
                </div>
            </div>
            <div class={loaded.busy ? 'busy' : undefined} aria-busy={loaded.busy}>
                <Show of={loaded} rows={10}>{data => (
                    <Completeness rows={data.items} dates={dates} zones={data.zones} cut={data.next !== null} byName={byName} />
                )}</Show>
            </div>
            <Show of={findings}>{data => <Checks findings={data.items} dates={dates} cut={data.next !== null} />}</Show>
        </>
    );
}

async function zones(signal: AbortSignal): Promise<Map<string, string>> {
    const points = await everything(cursor => api.usagePoints({ limit: 1000, cursor }, signal), 10);
    return new Map(points.items.map(point => [point.usage_point, point.zone || 'UTC']));
}

function shade(meter: MeterDays, column: number, palette: Palette) {
    const cell = meter.cells[column];
    if (!cell || cell.expected === 0) return null;
    if (cell.missing > 0) {
        const share = cell.missing / cell.expected;
        return { fill: palette.missing, alpha: 0.18 + 0.5 * share, hatch: 'falling' as const, ink: palette.missing };
    }
    if (cell.estimated > 0)
        return { fill: palette.estimated, alpha: 0.14 + 0.46 * cell.estimated / cell.expected, hatch: 'rising' as const, ink: palette.estimated };
    return { fill: palette.measured, alpha: 0.28 };
}

function Completeness({ rows, dates, zones, cut, byName }: {
    rows: CompletenessRow[]; dates: string[]; zones: Map<string, string>; cut: boolean; byName: boolean;
}) {
    const [shown, setShown] = useState(METERS);
    const meters = useMemo(() => {
        const all = meterDays(rows, dates, name => zones.get(name) ?? 'UTC');
        if (!byName) all.sort((a, b) => b.total.missing / (b.total.expected || 1) - a.total.missing / (a.total.expected || 1)
            || b.total.estimated / (b.total.expected || 1) - a.total.estimated / (a.total.expected || 1));
        return all;
    }, [rows, dates, byName]);
    const worst = useMemo(() => gaps(rows).slice(0, 15), [rows]);
    const total = meters.reduce((sum, { total }) => ({
        expected: sum.expected + total.expected, present: sum.present + total.present, estimated: sum.estimated + total.estimated, missing: sum.missing + total.missing,
    }), { expected: 0, present: 0, estimated: 0, missing: 0 });
    if (meters.length === 0) return <Empty title="Nothing was expected in this period">Channels without a nominal interval are not counted; try other days.</Empty>;

    const whole = meters.filter(({ total }) => total.missing === 0).length;
    const summary = `${plural(meters.length, 'meter')}, ${plural(dates.length, 'day')}: ${percent(total.present, total.expected)} measured, ${percent(total.estimated, total.expected)} estimated, `
        + `${percent(total.missing, total.expected)} missing; ${number(whole)} of the meters miss nothing.` + (cut ? ' There are more meters than this map holds.' : '');
    const visible = meters.slice(0, shown);
    const open = (row: number, column: number) => go(meterLink(visible[row].usage_point, { from: dates[column], to: addDays(dates[column], 1) }));
    return (
        <>
            <Figure title="Completeness" summary={summary}
                actions={
                    <div class="segmented" role="group" aria-label="Order">
                        <button aria-pressed={!byName} onClick={() => change({ sort: null }, true)}>Worst first</button>
                        <button aria-pressed={byName} onClick={() => change({ sort: 'name' }, true)}>By name</button>
                    </div>
                }
                legend={<Legend items={[['measured light', 'all measured'], ['estimated', 'some estimated'], ['missing', 'some missing'], ['none', 'nothing expected']]} />}
                table={{
                    columns: ['Usage point', 'Expected', 'Measured', 'Estimated', 'Missing', 'Measured share'], numeric: [1, 2, 3, 4, 5], count: meters.length,
                    row: i => {
                        const { usage_point, total } = meters[i];
                        return [<a class="mono" href={meterLink(usage_point, { from: dates[0], to: addDays(dates[dates.length - 1], 1) })}>{usage_point}</a>,
                            number(total.expected), number(total.present), number(total.estimated), number(total.missing), percent(total.present, total.expected)];
                    },
                }}>
                <DayMap label={summary} keys="Completeness of meters by day. Arrow keys move, Enter opens the meter on that day."
                    hint="Click a cell to open the meter on that day." dates={dates} rows={visible.map(meter => meter.usage_point)} labelWidth={innerWidth < 600 ? 92 : 168}
                    stamp={visible.length + String(byName) + dates[0] + rows.length} cell={(row, column, palette) => shade(visible[row], column, palette)}
                    say={(row, column) => {
                        const cell = visible[row].cells[column];
                        return cell ? `${number(cell.present)} of ${number(cell.expected)} measured, ${number(cell.estimated)} estimated, ${number(cell.missing)} missing` : 'nothing was expected';
                    }}
                    onPick={open} />
                {shown < meters.length && <p class="more">{number(shown)} of {plural(meters.length, 'meter')}. <button onClick={() => setShown(shown + 400)}>Show more</button></p>}
            </Figure>
            <section class="card">
                <h2>Greatest gaps</h2>
                {worst.length === 0 ? <p class="muted">Nothing is missing in these days.</p> : (
                    <div class="scroll" tabIndex={0} role="region" aria-label="Greatest gaps">
                        <table class="rows">
                            <thead><tr><th scope="col">Usage point</th><th scope="col">Channel</th><th scope="col">Days</th><th scope="col" class="numeric">Missing</th><th scope="col" class="numeric">of expected</th></tr></thead>
                            <tbody>{worst.map(gap => {
                                const zone = zones.get(gap.usage_point) ?? 'UTC';
                                const from = localDate(Date.parse(gap.from) + 43_200_000, zone), to = localDate(Date.parse(gap.to) - 3_600_000, zone);
                                return (
                                    <tr key={gap.usage_point + gap.channel + gap.from}>
                                        <th scope="row"><a class="mono" href={meterLink(gap.usage_point, { channel: gap.channel, from: addDays(from, -3), to: addDays(to, 4) })}>{gap.usage_point}</a></th>
                                        <td><code>{gap.channel}</code></td><td>{from === to ? dateWords(from) : `${dateShort(from)} to ${dateWords(to)} (${plural(gap.days, 'day')})`}</td>
                                        <td class="numeric">{number(gap.missing)}</td><td class="numeric">{percent(gap.missing, gap.expected)}</td>
                                    </tr>
                                );
                            })}</tbody>
                        </table>
                    </div>
                )}
            </section>
        </>
    );
}

function Checks({ findings, dates, cut }: { findings: Finding[]; dates: string[]; cut: boolean }) {
    const { checks, counts, most } = useMemo(() => {
        const column = new Map(dates.map((date, i) => [date, i]));
        const counts = new Map<string, number[]>();
        for (const finding of findings) {
            const at = column.get(finding.at.slice(0, 10));
            if (at === undefined) continue;
            const row = counts.get(finding.check) ?? dates.map(() => 0);
            row[at]++;
            counts.set(finding.check, row);
        }
        const sum = (name: string) => counts.get(name)!.reduce((a, b) => a + b, 0);
        const checks = [...counts.keys()].sort((a, b) => sum(b) - sum(a));
        return { checks, counts, most: Math.max(1, ...[...counts.values()].flat()) };
    }, [findings, dates]);
    const sum = (name: string) => counts.get(name)!.reduce((a, b) => a + b, 0);
    if (checks.length === 0) return <section class="card"><h2>Checks over time</h2><p class="muted">No check spoke in these days.</p></section>;
    const summary = `${plural(checks.length, 'check')} spoke ${plural(checks.reduce((total, name) => total + sum(name), 0), 'time')}; most often ${words(checks[0])} (${number(sum(checks[0]))}).`
        + (cut ? ` Of the first ${number(findings.length)} findings.` : '');
    return (
        <Figure title="Checks over time" summary={summary}
            table={{
                columns: ['Check', 'Findings', 'Days', 'Most on a day'], numeric: [1, 2, 3], count: checks.length,
                row: i => { const row = counts.get(checks[i])!; return [words(checks[i]), number(sum(checks[i])), number(row.filter(Boolean).length), number(Math.max(...row))]; },
            }}>
            <DayMap label={summary} keys="Findings of checks by day. Arrow keys move, Enter lists the exceptions of the check."
                hint="The stronger the colour, the more; days are of UTC. Click a cell for the exceptions of the check." dates={dates} rows={checks.map(words)} labelWidth={innerWidth < 600 ? 92 : 168} rowHeight={20} stamp={counts}
                cell={(row, column, palette) => {
                    const count = counts.get(checks[row])![column];
                    return count ? { fill: `rgb(${mix(palette.ramp, 0.25 + 0.75 * Math.log1p(count) / Math.log1p(most)).join(',')})` } : { fill: palette.line, alpha: 0.35 };
                }}
                say={(row, column) => plural(counts.get(checks[row])![column], 'finding')}
                onPick={row => go(`#/exceptions?check=${encodeURIComponent(checks[row])}`)} />
        </Figure>
    );
}
