// One meter: its values as they were sent and as they count, and whatever can be seen from them.
//
// The address says what is in view (from, to), of which channel and lane, as known when (as_of), and whose story is
// open (at). Values are asked for once per period; zooming inside of it asks nothing.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { api, ApiError, type Channel, type Lane } from '../api';
import { number, percent, plural, quantity, rounded } from '../pure/format';
import { Shade } from '../pure/quality';
import { facts, firstAfter, isInstants, rate, readColumns, slice, usualTop, type Series } from '../pure/series';
import { addDays, DAY, localDate, localMinute, readInterval, readMoment, startOfDay, utcText, writeMoment } from '../pure/time';
import { change, formatRoute } from '../route';
import { Carpet } from '../part/carpet';
import { Compare, Duration } from '../part/curves';
import { Figure, Legend } from '../part/figure';
import { useLoad } from '../part/load';
import { MasterCard } from '../part/master';
import { Profile } from '../part/profile';
import { PeriodControls } from '../part/period';
import { Empty, Show } from '../part/state';
import { StoryPanel } from '../part/story';

type Query = Record<string, string>;

const FIRST_DAYS = 28;       // in view when the address does not say
const ALL_VALUES = 400 * DAY; // longer periods are shown by days

const rank = (channel: Channel) => ['interval', 'gauge', 'register'].indexOf(channel.kind) + (channel.obis.includes(':2.') ? 0.5 : 0);

export function MeterPage({ name, query }: { name: string; query: Query }) {
    const channels = useLoad(`channels ${name}`, signal => api.channels(name, signal));
    const master = useLoad(`master ${name} ${query.as_of ?? ''}`, signal => api.usagePoint(name, query.as_of, signal));
    const last = useLoad(`last ${name}`, signal => api.completeness({ usage_point: name, limit: 1000 }, signal));
    const open = useLoad(`open ${name}`, signal => api.exceptions({ usage_point: name, state: 'open', limit: 100 }, signal));
    const count = open.data?.items.length ?? 0;
    const unknown = master.error instanceof ApiError && master.error.status === 404 && channels.data?.items.length === 0;

    return (
        <>
            <p class="crumb"><a href={formatRoute(['meters'])}>Meters</a></p>
            <div class="title">
                <h1 class="mono">{name}</h1>
                {master.data && <span class="muted">{[master.data.commodity, master.data.customer, master.data.zone].filter(Boolean).join(', ')}</span>}
                {Object.entries(master.data?.tags ?? {}).map(([name, value]) => <span key={name} class="tag">{name} {value}</span>)}
                {count > 0 && <a class="tag bad" href={formatRoute(['exceptions'], { usage_point: name })}>{open.data!.next ? 'over ' : ''}{plural(count, 'open exception')}</a>}
            </div>
            {!unknown && <Show of={channels} rows={8}>{page => {
                const items = [...page.items].sort((a, b) => rank(a) - rank(b));
                const channel = items.find(item => item.channel === query.channel) ?? items[0];
                if (!channel) return <Empty title="No channels">This usage point has master data, but nothing was ever read there.</Empty>;
                // Where its values end: by day, the last one with something in it.
                const ends = (last.data?.items ?? []).filter(row => row.channel === channel.channel)
                    .map(row => row.present + row.estimated > 0 ? Date.parse(row.end) : Date.parse(row.contiguous_to ?? '') || 0);
                if (last.busy && !last.data) return null;
                const end = Math.max(0, ...ends) || Date.now();
                return <ChannelView key={channel.channel} channels={items} channel={channel} query={query} end={end} />;
            }}</Show>}
            <Show of={master} rows={3}>{data => <MasterCard data={data} />}</Show>
        </>
    );
}

interface View { from: number; to: number; lane: Lane }

function viewOf(channel: Channel, query: Query, end: number): View {
    const zone = channel.zone || 'UTC';
    const toDate = localDate(end - 1, zone);
    let to = readMoment(query.to ?? '', zone);
    let from = readMoment(query.from ?? '', zone);
    if (Number.isNaN(to)) to = startOfDay(addDays(toDate, 1), zone);
    if (Number.isNaN(from) || from >= to) from = startOfDay(addDays(localDate(to - 1, zone), 1 - FIRST_DAYS), zone);
    const lane = query.lane as Lane;
    const automatic: Lane = to - from > ALL_VALUES ? 'day' : 'vee';
    return { from, to, lane: ['vee', 'hour', 'day', 'month'].includes(lane) ? lane : automatic };
}

const NOTHING: Series = {
    channel: '', unit: '', kind: '', zone: 'UTC', start: new Float64Array(), end: new Float64Array(), value: new Float64Array(),
    shade: new Uint8Array(), quality: [], band: new Float64Array(),
};

function ChannelView({ channels, channel, query, end }: { channels: Channel[]; channel: Channel; query: Query; end: number }) {
    const zone = channel.zone || 'UTC';
    const view = viewOf(channel, query, end);
    const as_of = query.as_of;
    const withRaw = query.raw !== '0' && view.lane === 'vee';

    // What was asked for last still serves as long as the view lies inside of it.
    const asked = useRef({ from: 0, to: 0, about: '' });
    const about = `${view.lane} ${withRaw} ${as_of ?? ''}`;
    if (asked.current.about !== about || view.from < asked.current.from || view.to > asked.current.to)
        asked.current = { from: view.from, to: view.to, about };
    const { from, to } = asked.current;
    const loaded = useLoad(`${about} ${from} ${to}`, async signal => {
        const ask = async (lane: Lane): Promise<Series | null> => {
            const answer = await api.columns({
                usage_point: channel.usage_point, channel: channel.channel, lane, from: utcText(from), to: utcText(to), as_of,
            }, signal);
            const columns = answer.channels.find(item => item.channel === channel.channel);
            return columns ? { ...readColumns(columns), zone } : null;
        };
        const [series, raw] = await Promise.all([ask(view.lane), withRaw ? ask('raw') : null]);
        return { series: series ?? { ...NOTHING, unit: channel.unit, kind: channel.kind, zone }, raw, about, from, to };
    });
    // The charts stay as they are until what the address asks for is there.
    const shown = useRef(view);
    const data = loaded.data;
    if (data && data.about === about && view.from >= data.from && view.to <= data.to) shown.current = view;

    const show = (from: number, to: number) => {
        const least = Math.max(1, 4 * (readInterval(channel.interval) || 900_000));
        if (to - from < least) { const middle = (from + to) / 2; from = middle - least / 2; to = middle + least / 2; }
        change({ from: writeMoment(Math.round(from), zone), to: writeMoment(Math.round(to), zone) });
    };
    const reset = () => { if (from !== view.from || to !== view.to) show(from, to); };
    const story = query.at ? Date.parse(query.at) : NaN;

    return (
        <>
            <div class="toolbar">
                <div class="segmented" role="group" aria-label="Channel">
                    {channels.map(item => (
                        <button key={item.channel} aria-pressed={item === channel} title={`${item.obis} ${item.kind} ${item.unit}`}
                            onClick={() => change({ channel: item.channel, at: null, lane: null })}>
                            {item.channel}<span class="muted"> {item.kind}</span>
                        </button>
                    ))}
                </div>
                <PeriodControls zone={zone} from={view.from} to={view.to} end={end} show={show}
                    zoomed={from !== view.from || to !== view.to} reset={reset} as_of={as_of} />
            </div>
            <div class={Number.isNaN(story) ? undefined : 'beside'}>
                <div class={loaded.busy ? 'busy' : undefined} aria-busy={loaded.busy}>
                    <Show of={loaded} rows={10}>{data => (
                        <Charts channel={channel} series={data.series} raw={data.raw} view={shown.current} query={query} show={show} reset={reset} zone={zone} />
                    )}</Show>
                </div>
                {!Number.isNaN(story) && (
                    <StoryPanel onClose={() => change({ at: null })}
                        asked={{ usage_point: channel.usage_point, channel: channel.channel, at: query.at, lane: view.lane, as_of, zone }} />
                )}
            </div>
        </>
    );
}

function Charts({ channel, series, raw, view, query, show, reset, zone }: {
    channel: Channel; series: Series; raw: Series | null; view: View; query: Query; zone: string;
    show: (from: number, to: number) => void; reset: () => void;
}) {
    const { from, to } = view;
    const seen = useMemo(() => slice(series, from, to), [series, from, to]);
    const sums = useMemo(() => facts(seen), [seen]);
    const amounts = series.kind === 'interval' || view.lane !== 'vee';
    const drawn = useMemo(() => amounts && series.kind !== 'gauge' ? { ...series, kind: 'interval' } : series, [series, amounts]);
    const visible = useMemo(() => ({ ...seen, kind: drawn.kind }), [seen, drawn.kind]);
    const rest = useAfterPaint({ visible, series, from, to });
    const most = useMemo(() => drawn.kind === 'interval' ? usualTop(seen) : null, [seen, drawn.kind]);
    if (series.end.length === 0)
        return <Empty title="No values in this period">Earlier ones may be there: try a longer period.</Empty>;
    const summary = sentence(channel, visible, sums, from, to, zone);
    const pick = (end: number) => change({ at: utcText(end) });
    const time = (ms: number) => localMinute(ms, zone);

    const lanes: [Lane, string][] = [['vee', 'Values'], ['hour', 'Hours'], ['day', 'Days'], ['month', 'Months']];
    return (
        <>
            <Figure title={channel.kind === 'register' && view.lane === 'vee' ? 'Register' : 'Values'} summary={summary}
                actions={
                    <>
                        {most !== null && <label class="check"><input type="checkbox" checked={query.scale === 'full'}
                            onChange={event => change({ scale: event.currentTarget.checked ? 'full' : null }, true)} />Suspect peaks on the scale</label>}
                        <label class="check"><input type="checkbox" checked={query.raw !== '0'} disabled={view.lane !== 'vee'}
                            onChange={event => change({ raw: event.currentTarget.checked ? null : '0' }, true)} />Raw, as sent</label>
                        <div class="segmented" role="group" aria-label="Lane">
                            {lanes.map(([lane, text]) => <button key={lane} aria-pressed={view.lane === lane} onClick={() => change({ lane: lane === 'vee' ? null : lane, at: null })}>{text}</button>)}
                        </div>
                        <Download channel={channel} view={view} as_of={query.as_of} />
                    </>
                }
                legend={<Legend items={[
                    ['measured', 'measured'], ['estimated', 'estimated'], ['suspect', 'suspect'], ['edited', 'edited by a person'], ['missing', 'missing'],
                    ...raw ? [['raw', 'raw'] as [string, string]] : [],
                ]} />}
                table={{
                    columns: ['Start', 'End', `Value, ${series.unit}`, ...raw ? [`Raw, ${raw.unit}`] : [], 'Quality', 'Story'],
                    numeric: raw ? [2, 3] : [2], count: visible.end.length,
                    row: tableRow(visible, raw, time, pick),
                }}>
                <Profile series={drawn} raw={raw} zone={zone} from={from} to={to} label={summary} onZoom={show} onReset={reset} onPick={pick}
                    picked={query.at ? Date.parse(query.at) : null} most={query.scale === 'full' ? null : most} />
            </Figure>
            <Facts series={visible} sums={sums} zone={zone} amounts={amounts} pick={pick} />
            {rest && amounts && !isInstants(visible) && (view.lane === 'vee' || view.lane === 'hour') && (
                <>
                    {rest.to - rest.from > 1.5 * DAY && <Carpet series={rest.visible} from={rest.from} to={rest.to} onDay={date => show(startOfDay(date, zone), startOfDay(addDays(date, 1), zone))} />}
                    <div class="pair">
                        <Duration series={rest.visible} />
                        <Compare series={rest.series} from={rest.from} to={rest.to} days={query.days} onDays={days => change({ days: days.join() }, true)} />
                    </div>
                </>
            )}
            {channel.kind === 'register' && view.lane === 'vee' && <Advances channel={channel} view={view} as_of={query.as_of} zone={zone} />}
        </>
    );
}

/** The value of a paint ago: what is looked at first is drawn first, and the rest in the frame behind it. */
function useAfterPaint<T extends object>(value: T): T | null {
    const [shown, setShown] = useState<T | null>(null);
    useEffect(() => {
        let timer = 0;
        const frame = requestAnimationFrame(() => { timer = window.setTimeout(() => setShown(value)); });
        return () => { cancelAnimationFrame(frame); clearTimeout(timer); };
    }, Object.values(value));
    return shown;
}

function tableRow(series: Series, raw: Series | null, time: (ms: number) => string, pick: (end: number) => void) {
    const rawAt = (end: number) => { // the raw value of this time; NaN: none
        const at = firstAfter(raw!.end, end - 1);
        return raw!.end[at] === end ? raw!.value[at] : NaN;
    };
    const text = (value: number) => Number.isNaN(value) ? '' : number(value);
    return (i: number) => [
        time(series.start[i]), time(series.end[i]), text(series.value[i]),
        ...raw ? [text(rawAt(series.end[i]))] : [],
        series.quality[i],
        <button class="link" aria-label={`Story of ${time(series.end[i])}`} onClick={() => pick(series.end[i])}>Story</button>,
    ];
}

/** What the chart shows, for who does not see it. */
function sentence(channel: Channel, series: Series, sums: ReturnType<typeof facts>, from: number, to: number, zone: string): string {
    const period = `${localMinute(from, zone)} to ${localMinute(to, zone)}`;
    if (sums.count === 0) return `${channel.channel}, ${period}: no values, ${plural(sums.shades[Shade.Missing], 'interval')} missing.`;
    const what = series.kind === 'interval'
        ? `${rounded(sums.total)} ${series.unit} in all, at most ${rounded(sums.max)} ${series.unit} at ${localMinute(series.start[sums.maxAt], zone)}`
        : `from ${rounded(sums.min)} to ${rounded(sums.max)} ${series.unit}`;
    const odd = [[Shade.Estimated, 'estimated'], [Shade.Suspect, 'suspect'], [Shade.Edited, 'edited'], [Shade.Missing, 'missing']] as const;
    const qualities = odd.filter(([shade]) => sums.shades[shade] > 0).map(([shade, name]) => `${number(sums.shades[shade])} ${name}`);
    return `${channel.channel}, ${period}: ${plural(series.end.length, 'value')}, ${what}; ${qualities.length ? qualities.join(', ') : 'all measured'}.`;
}

function Facts({ series, sums, zone, amounts, pick }: {
    series: Series; sums: ReturnType<typeof facts>; zone: string; amounts: boolean; pick: (end: number) => void;
}) {
    if (sums.count === 0) return null;
    const rates = rate(series);
    const total = series.end.length;
    const peak = sums.maxAt >= 0 ? rates.value[sums.maxAt] : NaN;
    const least = sums.minAt >= 0 ? rates.value[sums.minAt] : NaN;
    const mean = amounts && sums.seconds > 0 ? sums.total / (sums.seconds / 3600) : sums.mean;
    const when = (at: number) => <button class="link" onClick={() => pick(series.end[at])}>{localMinute(series.end[at], zone)}</button>;
    return (
        <dl class="figures small">
            {amounts && series.kind === 'interval' && <div><dt>In all</dt><dd>{rounded(sums.total)} <small>{series.unit}</small></dd></div>}
            {!amounts && series.kind === 'register' && <div><dt>Advance</dt><dd>{rounded(series.value[total - 1] - series.value[0])} <small>{series.unit}</small></dd></div>}
            {amounts && <div><dt>Mean</dt><dd>{rounded(mean)} <small>{rates.unit}</small></dd></div>}
            <div><dt>Greatest</dt><dd>{rounded(peak)} <small>{rates.unit}</small></dd><dd class="under">{when(sums.maxAt)}</dd></div>
            <div><dt>Least</dt><dd>{rounded(least)} <small>{rates.unit}</small></dd><dd class="under">{when(sums.minAt)}</dd></div>
            <div><dt>Measured</dt><dd>{percent(sums.shades[Shade.Measured] + sums.shades[Shade.Edited] + sums.shades[Shade.Suspect], total)}</dd>
                <dd class="under">{sums.shades[Shade.Suspect] ? `${number(sums.shades[Shade.Suspect])} of them suspect` : `of ${plural(total, 'value')}`}</dd></div>
            <div><dt>Estimated</dt><dd>{percent(sums.shades[Shade.Estimated], total)}</dd><dd class="under">{plural(sums.shades[Shade.Estimated], 'value')}</dd></div>
            <div><dt>Missing</dt><dd>{percent(sums.shades[Shade.Missing], total)}</dd><dd class="under">{plural(sums.shades[Shade.Missing], 'value')}</dd></div>
        </dl>
    );
}

/** What a register counted, by local days: the lane that bills are made of. */
function Advances({ channel, view, as_of, zone }: { channel: Channel; view: View; as_of?: string; zone: string }) {
    const query = { usage_point: channel.usage_point, channel: channel.channel, lane: 'day' as Lane, from: utcText(view.from), to: utcText(view.to), as_of };
    const loaded = useLoad(JSON.stringify(query), signal => api.columns(query, signal));
    const series = useMemo(() => {
        const columns = loaded.data?.channels[0];
        return columns ? { ...readColumns(columns), zone, kind: 'interval' } : null;
    }, [loaded.data]);
    return (
        <Show of={loaded}>{() => {
            if (!series || series.end.length === 0) return null;
            const sums = facts(series);
            const summary = `${plural(series.end.length, 'day')}, ${rounded(sums.total)} ${series.unit} in all, at most ${rounded(sums.max)} ${series.unit} a day.`;
            return (
                <Figure title="Advance by day" summary={summary} table={{
                    columns: ['Day', `Advance, ${series.unit}`, 'Quality'], numeric: [1], count: series.end.length,
                    row: i => [localDate((series.start[i] + series.end[i]) / 2, zone), quantity(Number.isNaN(series.value[i]) ? null : series.value[i], series.unit), series.quality[i]],
                }}>
                    <Profile series={series} raw={null} zone={zone} from={view.from} to={view.to} label={summary} height={200}
                        onPick={end => change({ lane: 'day', at: utcText(end) })} />
                </Figure>
            );
        }}</Show>
    );
}

function Download({ channel, view, as_of }: { channel: Channel; view: View; as_of?: string }) {
    const save = async () => {
        const blob = await api.csv({
            usage_point: channel.usage_point, channel: channel.channel, lane: view.lane, from: utcText(view.from), to: utcText(view.to), as_of,
        });
        const link = document.createElement('a');
        link.href = URL.createObjectURL(blob);
        link.download = `${channel.usage_point}-${channel.channel.replace(/[^\w.-]/g, '_')}-${view.lane}.csv`;
        link.click();
        setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    };
    return <button onClick={() => void save().catch(error => alert((error as Error).message))}>CSV</button>;
}
