// What a back-test says: sums, failures, one meter's values before and after, and the values that change.
import type { ComponentChildren } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { api, ApiError, type Backtest, type Lane, type RuleFailure, type RuleTrial } from '../api';
import { duration, number, plural, quantity, rounded, words } from '../pure/format';
import { pictureOf, verdictText, type DiffRow, type Picture } from '../pure/rules';
import { isInstants, readColumns, unsuspected, type Series } from '../pure/series';
import { DAY, HOUR, localMinute, utcText } from '../pure/time';
import { meterLink } from '../route';
import { DataTable, Figure, Legend } from './figure';
import { HERE } from './file';
import { useLoad } from './load';
import { Profile } from './profile';
import { Empty, Show } from './state';

const PICTURE_ROWS = 10_000;

export interface Outcome { trial: RuleTrial; answer: Backtest }

/** "412 values change, −38.2 kWh, 12 of 40 channels". */
export function effect({ changed, flags_changed, difference, unit, touched_channels, channels, cut_short }: Backtest): string {
    if (changed + flags_changed === 0) return cut_short ? 'cut short before anything changed' : 'nothing changes';
    return (cut_short ? 'cut short; until then ' : '') + [
        changed > 0 && `${plural(changed, 'value')} ${changed === 1 ? 'changes' : 'change'}`,
        difference !== undefined && changed > 0 && `${difference > 0 ? '+' : ''}${rounded(difference)} ${unit}`,
        flags_changed > 0 && `of ${plural(flags_changed, 'value')} something else is said`,
        cut_short ? plural(touched_channels, 'channel') : `${number(touched_channels)} of ${plural(channels, 'channel')}`,
    ].filter(Boolean).join(', ');
}

export function BacktestOutcome({ outcome, lane, channel, usagePoint, choose }: {
    outcome: Outcome; lane: Lane; channel: string; usagePoint: string; choose: (usagePoint: string) => void;
}) {
    const { answer, trial } = outcome;
    const touched = answer.changed + answer.flags_changed > 0;
    return (
        <>
            <Sums answer={answer} />
            {answer.cut_short && (
                <p class="failed" role="alert"><strong>It was cut short</strong> after {duration(answer.seconds)}{answer.through && <>, behind <span class="mono">{answer.through}</span></>}: look at
                    {' '}one usage point or fewer days, or ask <code>busbar rules diff</code>, which takes the time that it needs.</p>
            )}
            {answer.values === 0 && !answer.cut_short && <Empty title="There is nothing to look at">No value of <code>{channel}</code> is stored in these days{trial.usage_point && ' at this usage point'}.{!trial.from && ' They are the last seven: choose an earlier one to begin with.'}</Empty>}
            {answer.failed_windows > 0 && <Failures count={answer.failed_windows} failures={answer.failures} />}
            {answer.values > 0 && !touched && <Empty title="Nothing changes">{answer.failed_windows ? 'Of windows on which the rule fails it says nothing.' : 'Every value stays, and what is said of it.'}</Empty>}
            {touched && <PictureOf outcome={outcome} lane={lane} usagePoint={usagePoint} choose={choose} />}
            {answer.rows.length > 0 && <Rows rows={answer.rows} whole={answer.changed + answer.flags_changed} of={trial.usage_point} />}
        </>
    );
}

function Sums({ answer }: { answer: Backtest }) {
    const { difference, unit, failed_windows } = answer;
    const of = (count: number, what = '') => answer.cut_short ? 'until it was cut short' : `of ${number(count)}${what}`;
    const reasons = Object.entries(answer.reasons).sort((a, b) => b[1] - a[1]);
    return (
        <>
            <dl class="figures small">
                <div><dt>Values that change</dt><dd>{number(answer.changed)}</dd><dd class="under">{of(answer.values, ' looked at')}</dd></div>
                <div><dt>Said otherwise</dt><dd>{number(answer.flags_changed)}</dd><dd class="under">the value stays, what is said does not</dd></div>
                <div><dt>Difference</dt><dd>{difference === undefined ? '–' : <>{difference > 0 ? '+' : ''}{rounded(difference)} <small>{unit}</small></>}</dd>
                    <dd class="under">{difference === undefined ? answer.changed ? 'units differ' : 'no value changes' : 'in all'}</dd></div>
                <div><dt>Channels touched</dt><dd>{number(answer.touched_channels)}</dd><dd class="under">{of(answer.channels)}</dd></div>
                <div><dt>Windows that failed</dt><dd class={failed_windows ? 'bad' : undefined}>{number(failed_windows)}</dd><dd class="under">{failed_windows ? 'nothing is said of them' : 'it ran everywhere'}</dd></div>
                <div><dt>Time</dt><dd>{duration(answer.seconds)}</dd><dd class="under">{duration(answer.rule_seconds)} of it in the rule</dd></div>
            </dl>
            {reasons.length > 0 && <p class="reasons"><span class="muted">It says</span> {reasons.map(([name, count]) => <span key={name} class="tag">{words(name)} {number(count)}</span>)}</p>}
        </>
    );
}

function Failures({ count, failures }: { count: number; failures: RuleFailure[] }) {
    return (
        <div class="failed" role="alert">
            <strong>The rule fails on {plural(count, 'window')}</strong>
            {count > failures.length && <p class="muted">The first {number(failures.length)}:</p>}
            <ul>{failures.map((failure, i) => (
                <li key={i}>
                    <details open={i === 0}>
                        <summary>It {failure.how}: <span class="mono">{failure.usage_point}</span> <code>{failure.channel}</code></summary>
                        <pre class="code" tabIndex={0}>{failure.text}</pre>
                    </details>
                </li>
            ))}</ul>
        </div>
    );
}

const PAUSES_S = [0.5, 1, 2, 3, 5];
const PATIENCE = 20; // times

/** The plant tries one rule at a time; one that was stopped here may still be under way there. */
export async function patiently(trial: RuleTrial, signal: AbortSignal, waits?: () => void): Promise<Backtest> {
    for (let tries = 0; ; tries++) {
        try {
            return await api.backtest(trial, signal);
        } catch (error) {
            if (!(error instanceof ApiError && error.status === 429) || tries >= PATIENCE) throw error;
        }
        waits?.();
        const pause = PAUSES_S[Math.min(tries, PAUSES_S.length - 1)];
        await new Promise(done => setTimeout(done, pause * 1000));
        signal.throwIfAborted();
    }
}

/** The rows of one usage point, all of them, and its values as they stand. */
async function load(outcome: Outcome, lane: Lane, usage_point: string, signal: AbortSignal) {
    const { trial, answer } = outcome;
    const whole = trial.usage_point === usage_point && answer.rows.length >= answer.changed + answer.flags_changed;
    const { rows, cut_short } = whole ? answer : await patiently({ ...trial, usage_point, rows: PICTURE_ROWS }, signal);
    if (rows.length === 0) return null;
    const channel = rows[0].channel;
    const own = rows.filter(row => row.channel === channel);
    const ends = own.map(row => Date.parse(row.end));
    const from = answer.from ?? utcText(Math.min(...ends) - DAY), to = answer.to ?? utcText(Math.max(...ends) + DAY);
    const { channels } = await api.columns({ usage_point, channel, lane, from, to }, signal);
    const columns = channels.find(item => item.channel === channel);
    return columns ? { rows: own, before: readColumns(columns), cut: cut_short ?? false } : null;
}

function PictureOf({ outcome, lane, usagePoint, choose }: { outcome: Outcome; lane: Lane; usagePoint: string; choose: (usagePoint: string) => void }) {
    const { trial, answer } = outcome;
    const names = trial.usage_point ? [trial.usage_point] : [...new Set(answer.most_touched.map(item => item.usage_point))];
    const shown = names.includes(usagePoint) || !names.length ? usagePoint : names[0];
    const loaded = useLoad(shown ? `${JSON.stringify(trial)} ${shown} ${answer.version}` : null, signal => load(outcome, lane, shown, signal));
    const choice = names.length > 1 && (
        <label>Usage point <select class="mono" value={shown} onChange={event => choose(event.currentTarget.value)}>
            {names.map(name => {
                const values = answer.most_touched.filter(item => item.usage_point === name).reduce((sum, item) => sum + item.values, 0);
                return <option key={name} value={name}>{name} ({number(values)})</option>;
            })}
        </select></label>
    );
    return (
        <div class={loaded.busy ? 'busy' : undefined} aria-busy={loaded.busy}>
            <Show of={loaded} rows={8}>{data => data
                ? <BeforeAfter key={shown} usagePoint={shown} rows={data.rows} before={data.before} cut={data.cut} choice={choice} />
                : <section class="card"><div class="figure-head"><h2>Before and after</h2><div class="actions">{choice}</div></div><Empty title="Nothing differs on this usage point" /></section>}</Show>
        </div>
    );
}

/** Where a scale may end so that what a rule takes away does not press all others flat; null: it does not. */
function usualTop(after: Series, before: Series): number | null {
    const most = (series: Series) => series.value.reduce((most, value) => value > most ? value : most, -Infinity);
    const usual = most(unsuspected(after));
    return usual > 0 && Math.max(most(before), most(after)) > 2 * usual ? usual : null;
}

function BeforeAfter({ usagePoint, rows, before, cut, choice }: {
    usagePoint: string; rows: DiffRow[]; before: Series; cut: boolean; choice: ComponentChildren;
}) {
    const zone = before.zone || 'UTC';
    const picture = useMemo(() => pictureOf(before, rows), [before, rows]);
    const count = before.end.length;
    const step = count > 1 ? (before.end[count - 1] - before.end[0]) / (count - 1) : HOUR;
    const room = isInstants(before) ? step / 2 : 0; // a point at the edge is seen whole
    const whole = { from: (before.start[0] ?? 0) - room, to: (before.end[count - 1] ?? DAY) + room };
    const [view, setView] = useState(whole);
    const [full, setFull] = useState(true);
    useEffect(() => setView(whole), [before]);
    if (count === 0) return <Empty title="No values of this channel are stored in this period" />;
    if (rows[0].unit !== before.unit && picture.made === null)
        return <Empty title="There is no picture of it">It was sent in {before.unit} and is judged in {rows[0].unit}: the values stand below.</Empty>;

    const usual = usualTop(picture.after, before);
    const near = (at: number) => { const half = Math.max(6 * HOUR, 30 * step); setView({ from: Math.max(whole.from, at - half), to: Math.min(whole.to, at + half) }); };
    const summary = sentence(usagePoint, rows, picture, zone, view, whole) + (cut ? ' It was cut short: later ones may lack.' : '');
    return (
        <Figure title="Before and after" summary={summary}
            actions={
                <>
                    {choice}
                    {usual !== null && <label class="check"><input type="checkbox" checked={full} onChange={event => setFull(event.currentTarget.checked)} />Peaks on the scale</label>}
                    <Steps marks={picture.marks} view={view} near={near} />
                    <button disabled={view.from === whole.from && view.to === whole.to} onClick={() => setView(whole)}>Zoom out</button>
                </>
            }
            legend={<Legend items={picture.made !== null ? [['raw', 'what is judged'], ['edited', picture.made]] : [['raw', 'before'], ['measured', 'after'], ['edited', 'corrected'], ['estimated', 'estimated'], ['suspect', 'flagged'], ['tick', 'it differs']]} />}
            table={{
                columns: ['End', `Before, ${before.unit}`, `After, ${before.unit}`, 'Said before', 'Said after'], numeric: [1, 2], count: rows.length,
                row: i => cells(rows[i], zone),
            }}>
            <Profile series={picture.after} raw={before} rawName={picture.made !== null ? 'judged' : 'before'} zone={zone} from={view.from} to={view.to} label={summary} ticks={picture.marks}
                most={full ? null : usual} onZoom={(from, to) => setView({ from, to })} onReset={() => setView(whole)} />
        </Figure>
    );
}

/** From one place where it differs to the next. */
function Steps({ marks, view, near }: { marks: Picture['marks']; view: { from: number; to: number }; near: (at: number) => void }) {
    const middle = (view.from + view.to) / 2;
    const centers = marks.map(mark => (mark.from + mark.to) / 2);
    const earlier = [...centers].reverse().find(at => at < middle - 1000), later = centers.find(at => at > middle + 1000);
    return (
        <div class="segmented" role="group" aria-label="Where it differs">
            <button aria-label="The difference before" title="The difference before" disabled={earlier === undefined} onClick={() => near(earlier!)}>‹</button>
            <button aria-label="The next difference" title="The next difference" disabled={later === undefined} onClick={() => near(later!)}>›</button>
        </div>
    );
}

function sentence(usagePoint: string, rows: DiffRow[], picture: Picture, zone: string, view: { from: number; to: number }, whole: { from: number; to: number }): string {
    const changed = rows.filter(row => row.before !== row.after).length;
    const what = picture.made !== null ? `${plural(rows.length, 'value')} made, drawn are those of ${picture.made}` : [changed > 0 && `${plural(changed, 'value')} ${changed === 1 ? 'becomes another' : 'become others'}`,
        rows.length > changed && `of ${plural(rows.length - changed, 'value')} something else is said`].filter(Boolean).join(', ');
    const part = view.from !== whole.from || view.to !== whole.to ? ` In view: ${localMinute(view.from, zone)} to ${localMinute(view.to, zone)}.` : '';
    return `${usagePoint}, ${picture.after.channel}, ${localMinute(whole.from, zone)} to ${localMinute(whole.to, zone)}: ${what}.`
        + (rows.length >= PICTURE_ROWS ? ` The first ${number(PICTURE_ROWS)} are shown.` : '')
        + (picture.lost ? ` ${plural(picture.lost, 'of them lies', 'of them lie')} where no value is stored.` : '') + part;
}

/** What a rule computes has digits that nobody metered. */
const shown = (value: number | null) => value === null ? null : Number(value.toPrecision(9));
const text = (value: number | null) => value === null ? '' : number(shown(value));
const cells = (row: DiffRow, zone: string) => [
    localMinute(Date.parse(row.end), zone), text(row.before), text(row.after), verdictText(row.old_verdict, row.old_reason), verdictText(row.verdict, row.reason),
];

function Rows({ rows, whole, of }: { rows: DiffRow[]; whole: number; of?: string }) {
    return (
        <section class="card">
            <h2>Values that differ</h2>
            <p class="muted">{rows.length < whole ? `The first ${number(rows.length)} of ${number(whole)}` : plural(rows.length, 'value')}{of && <> of <span class="mono">{of}</span></>}; times are of {HERE}.</p>
            <DataTable label="Values that differ" columns={['Usage point', 'Channel', 'End', 'Before', 'After', 'Said before', 'Said after']} numeric={[3, 4]} count={rows.length}
                row={i => {
                    const row = rows[i], end = Date.parse(row.end);
                    const [time, , , old, fresh] = cells(row, HERE);
                    return [
                        <a class="mono" href={meterLink(row.usage_point, { channel: row.channel, from: utcText(end - DAY), to: utcText(end + DAY), at: row.end })}>{row.usage_point}</a>,
                        <code class="nowrap">{row.channel}</code>, time, quantity(shown(row.before), row.unit), row.before === row.after ? 'the same' : quantity(shown(row.after), row.unit), old, fresh,
                    ];
                }} />
        </section>
    );
}
