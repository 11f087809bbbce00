// The plant in ten seconds: does it keep up, is everything there, what wants a person.
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Overview } from '../api';
import { bytes, compact, duration, number, percent, plural, words } from '../pure/format';
import { dateWords } from '../pure/time';
import { formatRoute } from '../route';
import type { Loaded } from '../part/load';
import { Show } from '../part/state';

const KEPT = 120; // ten minutes of what this page has seen

export function OverviewPage({ overview: loaded }: { overview: Loaded<Overview> }) {
    const seen = useRef<number[]>([]);
    const [, redraw] = useState(0);
    const rate = loaded.data && (loaded.data.readings_per_second['1m'] ?? Object.values(loaded.data.readings_per_second)[0] ?? 0);

    useEffect(() => {
        if (rate === null) return;
        seen.current = [...seen.current, rate].slice(-KEPT);
        redraw(n => n + 1);
    }, [loaded.data]);

    return (
        <>
            <h1>Overview</h1>
            <Show of={loaded} rows={8}>{data => <Plant data={data} rate={rate ?? 0} seen={seen.current} />}</Show>
        </>
    );
}

function Spark({ values }: { values: number[] }) {
    if (values.length < 2) return null;
    const most = Math.max(...values, 1e-9);
    const points = values.map((value, i) => `${(i + KEPT - values.length) / (KEPT - 1) * 100},${22 - value / most * 20}`).join(' ');
    return (
        <svg class="spark" viewBox="0 0 100 24" preserveAspectRatio="none" aria-hidden="true">
            <polyline points={points} vector-effect="non-scaling-stroke" />
        </svg>
    );
}

function Plant({ data, rate, seen }: { data: Overview; rate: number; seen: number[] }) {
    const oldest = Math.max(0, ...data.stages.map(stage => stage.oldest_age_s));
    const lag = data.stages.reduce((sum, stage) => sum + stage.lag_readings, 0);
    return (
        <>
            <dl class="figures">
                <div><dt>Readings per second</dt><dd>{compact(rate)}</dd><dd class="under">{seen.length > 1 && seen.some(value => value > 0) ? <Spark values={seen} /> : `${compact(data.readings_total)} in all`}</dd></div>
                <div><dt>Oldest unprocessed</dt><dd>{lag === 0 ? 'none' : duration(oldest)}</dd><dd class="under">{lag === 0 ? 'every stage is up to date' : `${plural(lag, 'reading')} wait`}</dd></div>
                <div><dt>Open exceptions</dt><dd><a href={formatRoute(['exceptions'])}>{number(data.exceptions_open)}</a></dd><dd class="under">{plural(Object.values(data.exceptions_by_check).filter(Boolean).length, 'kind')} of check</dd></div>
                <div><dt>Usage points</dt><dd><a href={formatRoute(['meters'])}>{number(data.usage_points)}</a></dd><dd class="under">{plural(data.channels, 'channel')}</dd></div>
                <div><dt>On disk</dt><dd>{bytes(data.store_bytes + data.log_bytes)}</dd><dd class="under">store {bytes(data.store_bytes)}, log {bytes(data.log_bytes)}</dd></div>
            </dl>
            <div class="grid">
                <CompletenessCard of={data.completeness} />
                <ExceptionsCard counts={data.exceptions_by_check} />
                <StagesCard data={data} />
                {data.slo && data.slo.length > 0 && <SloCard slo={data.slo} />}
            </div>
        </>
    );
}

function CompletenessCard({ of }: { of: Overview['completeness'] }) {
    if (!of || of.expected === 0)
        return <section class="card"><h2>Completeness yesterday</h2><p class="muted">Nothing was expected: no channel has a nominal interval yet, or no day is over.</p></section>;
    const parts: [string, number, string][] = [
        ['measured', of.present, 'measured'], ['estimated', of.estimated, 'estimated'], ['missing', of.missing, 'missing'],
    ];
    const there = of.present + of.estimated;
    return (
        <section class="card">
            <h2>Completeness, {dateWords(of.day)}</h2>
            <p class="big">{percent(there, of.expected)}</p>
            <p class="muted">of {number(of.expected)} expected values are there, {percent(of.present, of.expected)} were measured</p>
            <div class="bar" role="img" aria-label={parts.map(([name, count]) => `${name} ${percent(count, of.expected)}`).join(', ')}>
                {parts.map(([name, count, shade]) => count > 0 && <i key={name} class={`swatch ${shade}`} style={{ flexGrow: count, minWidth: '3px' }} />)}
            </div>
            <ul class="legend">{parts.map(([name, count, shade]) => <li key={name}><i class={`swatch ${shade}`} aria-hidden="true" />{name} {number(count)}</li>)}</ul>
            <p><a href={formatRoute(['quality'])}>Which meters, which days</a></p>
        </section>
    );
}

function ExceptionsCard({ counts }: { counts: Record<string, number> }) {
    const rows = Object.entries(counts).filter(([, count]) => count > 0).sort((a, b) => b[1] - a[1]);
    const most = Math.max(1, ...rows.map(([, count]) => count));
    return (
        <section class="card">
            <h2>Open exceptions by check</h2>
            {rows.length === 0 ? <p class="muted">None is open: nobody has to do anything.</p> : (
                <table class="bars">
                    <tbody>{rows.map(([check, count]) => (
                        <tr key={check}>
                            <th scope="row"><a href={formatRoute(['exceptions'], { check })}>{words(check)}</a></th>
                            <td class="numeric">{number(count)}</td>
                            <td class="wide" aria-hidden="true"><i style={{ width: `${count / most * 100}%` }} /></td>
                        </tr>
                    ))}</tbody>
                </table>
            )}
        </section>
    );
}

function StagesCard({ data }: { data: Overview }) {
    const names = [...new Set([...data.stages.map(stage => stage.stage), ...data.workers.map(worker => worker.stage)])];
    return (
        <section class="card">
            <h2>Stages and workers</h2>
            <table>
                <thead><tr><th scope="col">Stage</th><th scope="col" class="numeric">Waiting</th><th scope="col" class="numeric">Oldest</th><th scope="col">Workers</th></tr></thead>
                <tbody>{names.map(name => {
                    const stage = data.stages.find(stage => stage.stage === name);
                    const workers = data.workers.filter(worker => worker.stage === name);
                    const states = [...new Set(workers.map(worker => worker.state))]
                        .map(state => `${workers.filter(worker => worker.state === state).length} ${state}`);
                    return (
                        <tr key={name}>
                            <th scope="row">{name}</th>
                            <td class="numeric">{stage ? number(stage.lag_readings) : '–'}</td>
                            <td class="numeric">{stage ? stage.lag_readings === 0 ? 'none' : duration(stage.oldest_age_s) : '–'}</td>
                            <td>{states.join(', ') || 'none'}</td>
                        </tr>
                    );
                })}</tbody>
            </table>
            {names.length === 0 && <p class="muted">No stage tells of itself.</p>}
        </section>
    );
}

function SloCard({ slo }: { slo: NonNullable<Overview['slo']> }) {
    const windows = [...new Set(slo.flatMap(row => Object.keys(row.burn)))];
    return (
        <section class="card">
            <h2>How fast error budgets burn</h2>
            <table>
                <thead><tr><th scope="col">Objective</th><th scope="col" class="numeric">Goal</th>{windows.map(name => <th key={name} scope="col" class="numeric">{name}</th>)}</tr></thead>
                <tbody>{slo.map(row => (
                    <tr key={row.name}>
                        <th scope="row">{row.name}</th><td class="numeric">{Number((row.objective * 100).toFixed(3))} %</td>
                        {windows.map(name => <td key={name} class={`numeric${row.burn[name] > 1 ? ' bad' : ''}`}>{row.burn[name] === undefined ? '–' : `${row.burn[name].toFixed(1)} ×`}</td>)}
                    </tr>
                ))}</tbody>
            </table>
            <p class="muted">1 × uses the budget up exactly at the end of the period.</p>
        </section>
    );
}
