// The queue of what checks want a person to look at: evidence beside it, decided one by one or many at once, always
// with a reason.
import { useEffect, useMemo, useState } from 'preact/hooks';
import { api, everything, type Exception, type ExceptionsAnswer } from '../api';
import { number, plural, words } from '../pure/format';
import { readColumns, type Series } from '../pure/series';
import { DAY, HOUR, localMinute, utcText, writeMoment } from '../pure/time';
import { change, formatRoute, meterLink } from '../route';
import { Figure, Legend } from '../part/figure';
import { askAgain, useLoad } from '../part/load';
import { mayChange, useMe } from '../part/me';
import { Profile } from '../part/profile';
import { Empty, Failed, Show } from '../part/state';

type Query = Record<string, string>;
const LIMIT = 200;

export function ExceptionsPage({ query }: { query: Query }) {
    const { check, usage_point } = query;
    const state = query.state === 'all' ? 'all' : 'open';
    const [pages, setPages] = useState(1);
    const wanted = JSON.stringify([check, usage_point, state, pages]);
    const loaded = useLoad(wanted, signal => everything(cursor => api.exceptions({ check, usage_point, state, limit: LIMIT, cursor }, signal), pages));
    const overview = useLoad('checks', api.overview);
    const [said, setSaid] = useState('');
    const [chosen, setChosen] = useState<Set<number>>(new Set());
    useEffect(() => { setChosen(new Set()); setPages(1); setSaid(''); }, [check, usage_point, state]);

    const items = loaded.data?.items ?? [];
    const selected = items.find(item => String(item.id) === query.id) ?? null;
    const open = items.filter(item => item.state === 'open');
    const picked = open.filter(item => chosen.has(item.id)).map(item => item.id);
    const toggle = (ids: number[], on: boolean) => {
        const next = new Set(chosen);
        for (const id of ids) if (on) next.add(id); else next.delete(id);
        setChosen(next);
    };
    const decided = (words: string) => { setSaid(words); setChosen(new Set()); };
    const counts = overview.data?.exceptions_by_check ?? {};

    return (
        <>
            <h1>Exceptions</h1>
            <form class="toolbar" onSubmit={event => event.preventDefault()}>
                <label>Check <select value={check ?? ''} onChange={event => change({ check: event.currentTarget.value, id: null })}>
                    <option value="">all</option>
                    {[...new Set([...Object.keys(counts), ...check ? [check] : []])].sort().map(name => <option key={name} value={name}>{words(name)}{counts[name] ? ` (${counts[name]})` : ''}</option>)}
                </select></label>
                <label>Usage point <input type="search" class="mono" value={usage_point ?? ''} placeholder="all" onChange={event => change({ usage_point: event.currentTarget.value.trim(), id: null })} /></label>
                <div class="segmented" role="group" aria-label="State">
                    <button type="button" aria-pressed={state === 'open'} onClick={() => change({ state: null })}>Open</button>
                    <button type="button" aria-pressed={state === 'all'} onClick={() => change({ state: 'all' })}>All</button>
                </div>
            </form>
            <Decision ids={picked} many decided={decided} none={() => setChosen(new Set())} />
            {said && <p class="done" role="status">{said}</p>}
            <Show of={loaded} rows={10}>{page => items.length === 0
                ? <Empty title={state === 'open' ? 'Nothing is open' : 'There are none'}>{check || usage_point ? <a href={formatRoute(['exceptions'])}>Drop the filters</a> : 'Checks have nothing to ask.'}</Empty>
                : (
                    <div class={selected ? 'beside wide' : undefined}>
                        <div>
                            <div class="scroll" tabIndex={0} role="region" aria-label="Exceptions">
                                <table class="rows">
                                    <thead><tr>
                                        <th scope="col"><input type="checkbox" aria-label="Choose all open ones shown" disabled={open.length === 0}
                                            checked={open.length > 0 && picked.length === open.length} onChange={event => toggle(open.map(item => item.id), event.currentTarget.checked)} /></th>
                                        <th scope="col">Exception</th><th scope="col">Usage point</th><th scope="col">Channel</th><th scope="col">Time</th><th scope="col">State</th>
                                    </tr></thead>
                                    <tbody>{items.map(item => (
                                        <tr key={item.id} class={item === selected ? 'selected' : undefined}>
                                            <td><input type="checkbox" aria-label={`Choose exception ${item.id}`} disabled={item.state !== 'open'} checked={chosen.has(item.id)}
                                                onChange={event => toggle([item.id], event.currentTarget.checked)} /></td>
                                            <th scope="row"><button class="link" aria-expanded={item === selected} onClick={() => change({ id: item === selected ? null : item.id })}>{words(item.check)}</button> <span class="muted">{item.id}</span></th>
                                            <td><a class="mono" href={meterLink(item.usage_point, { channel: item.channel })}>{item.usage_point}</a></td>
                                            <td><code>{item.channel}</code></td>
                                            <td>{localMinute(Date.parse(item.from), 'UTC')}{item.from !== item.to && ` – ${localMinute(Date.parse(item.to), 'UTC')}`} <span class="muted">UTC</span></td>
                                            <td><span class={`tag ${item.state === 'open' ? 'warn' : ''}`}>{item.state}</span>{item.by && <span class="muted"> {item.by}: {item.reason}</span>}</td>
                                        </tr>
                                    ))}</tbody>
                                </table>
                            </div>
                            <p class="more">{page.next ? <>The first {number(items.length)}. <button onClick={() => setPages(pages + 1)}>Show more</button></> : plural(items.length, 'exception')}</p>
                        </div>
                        {selected && <Evidence key={selected.id} exception={selected} decided={decided} />}
                    </div>
                )}</Show>
        </>
    );
}

/** Accept or estimate with a reason; the ids may be one or many. */
function Decision({ ids, many = false, decided, none }: { ids: number[]; many?: boolean; decided: (words: string) => void; none?: () => void }) {
    const me = useMe();
    const [reason, setReason] = useState('');
    const [busy, setBusy] = useState(false);
    const [error, setError] = useState<Error | null>(null);
    const [refused, setRefused] = useState<NonNullable<ExceptionsAnswer['refused']>>([]);
    const name = `reason-${many ? 'many' : 'one'}`;

    const decide = async (action: 'accept' | 'estimate') => {
        setBusy(true);
        setError(null);
        try {
            const answer = await api.decide(action, ids, reason.trim());
            decided(`${plural(answer.done.length, 'exception')} ${action === 'accept' ? 'accepted' : 'left to estimators'}; ${plural(answer.values, 'value')} told.`
                + (answer.pending ? ' They count as soon as they are derived.' : ''));
            setRefused(answer.refused ?? []);
            setReason('');
            askAgain();
        } catch (error) {
            setError(error as Error);
        }
        setBusy(false);
    };
    if (!mayChange(me)) return me && !many ? <p class="muted">This key may read. To decide, use one with the role admin.</p> : null;
    return (
        <>
            {ids.length > 0 && (
                <div class={many ? 'decision bulk' : 'decision'} role="group" aria-label={`Decide ${plural(ids.length, 'exception')}`}>
                    {many && <strong>{plural(ids.length, 'exception')} chosen</strong>}
                    <label for={name}>Reason</label>
                    <input id={name} value={reason} maxLength={500} autocomplete="off" onInput={event => setReason(event.currentTarget.value)} />
                    <button disabled={busy || !reason.trim()} title="The values are right as they are; of a gap: there is nothing" onClick={() => void decide('accept')}>Accept</button>
                    <button disabled={busy || !reason.trim()} title="The values are set aside, and estimators fill their place" onClick={() => void decide('estimate')}>Estimate</button>
                    {many && <button class="plain" onClick={none}>Choose none</button>}
                </div>
            )}
            {error && <Failed error={error} />}
            {refused.length > 0 && <ul class="failed" role="alert">{refused.map(item => <li key={item.id}>Exception {item.id}: {item.reason} <span class="muted">{item.code}</span></li>)}</ul>}
        </>
    );
}

function around(exception: Exception): { from: number; to: number } {
    const from = Date.parse(exception.from), to = Date.parse(exception.to);
    const room = Math.min(14 * DAY, Math.max(18 * HOUR, (to - from) * 0.6));
    return { from: from - room, to: to + room };
}

function Evidence({ exception, decided }: { exception: Exception; decided: (words: string) => void }) {
    const { usage_point, channel } = exception;
    const { from, to } = around(exception);
    const story = useLoad('story', signal => api.story({ usage_point, channel, at: exception.to }, signal));
    const values = useLoad('values', async signal => {
        const ask = async (lane: 'vee' | 'raw') => (await api.columns({ usage_point, channel, lane, from: utcText(from), to: utcText(to) }, signal)).channels[0];
        const [vee, raw] = await Promise.all([ask('vee'), ask('raw')]);
        return { vee: vee ? readColumns(vee) : null, raw: raw ? readColumns(raw) : null };
    });
    const finding = story.data?.findings.find(item => item.check === exception.check);
    const zone = values.data?.vee?.zone || 'UTC';
    const time = (text: string) => localMinute(Date.parse(text), zone);
    return (
        <aside class="story" aria-label={`Evidence of exception ${exception.id}`}>
            <header>
                <h2>{words(exception.check)} <span class="muted">{exception.id}</span></h2>
                <button class="plain" aria-label="Close the evidence" onClick={() => change({ id: null })}>×</button>
            </header>
            {finding && <p><strong>{finding.evidence}</strong><br /><span class="muted">{finding.what}</span></p>}
            {exception.state !== 'open' && <p>{exception.state} by {exception.by || exception.closed_by || 'the plant'}{exception.reason && <>: “{exception.reason}”</>}</p>}
            <Show of={values}>{({ vee, raw }) => vee ? <Plotted exception={exception} vee={vee} raw={raw} zone={zone} /> : <Empty title="No values around it" />}</Show>
            <dl class="facts">
                <dt>Meter</dt><dd><a class="mono" href={meterLink(usage_point, { channel, from: writeMoment(from, zone), to: writeMoment(to, zone), at: exception.to })}>{usage_point}</a></dd>
                <dt>Channel</dt><dd><code>{channel}</code></dd>
                <dt>Time</dt><dd>{time(exception.from)}{exception.from !== exception.to && ` – ${time(exception.to)}`} <span class="muted">{zone}</span></dd>
                <dt>Opened</dt><dd>{time(exception.opened)}{exception.opened_by && <> by <code class="break">{exception.opened_by}</code></>}</dd>
            </dl>
            {exception.state === 'open' && <Decision ids={[exception.id]} decided={decided} />}
        </aside>
    );
}

function Plotted({ exception, vee, raw, zone }: { exception: Exception; vee: Series; raw: Series | null; zone: string }) {
    const around_ = around(exception);
    const [view, setView] = useState(around_);
    const mark = useMemo(() => {
        const from = Date.parse(exception.from), to = Date.parse(exception.to);
        const at = from === to ? vee.end.indexOf(to) : -1; // one value: its whole interval
        return { from: at >= 0 ? vee.start[at] : from, to };
    }, [exception, vee]);
    const summary = `${plural(vee.end.length, 'value')} around the exception, which spans ${localMinute(mark.from, zone)} to ${localMinute(mark.to, zone)}.`;
    return (
        <Figure title="Evidence" summary={summary}
            legend={<Legend items={[['measured', 'measured'], ['estimated', 'estimated'], ['suspect', 'suspect'], ['missing', 'missing'], ['raw', 'raw']]} />}
            table={{
                columns: ['End', `Value, ${vee.unit}`, 'Quality'], numeric: [1], count: vee.end.length,
                row: i => [localMinute(vee.end[i], zone), Number.isNaN(vee.value[i]) ? '' : number(vee.value[i]), vee.quality[i]],
            }}>
            <Profile series={vee} raw={raw} zone={zone} from={view.from} to={view.to} height={220} label={summary} mark={mark}
                onZoom={(from, to) => setView({ from, to })} onReset={() => setView(around_)} />
        </Figure>
    );
}
