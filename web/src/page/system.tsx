// The machine room: probes, stages, workers, what the plant decided and said, and every metric it tells of itself.
import { api, type Overview } from '../api';
import { bytes, duration, number } from '../pure/format';
import { metricRows, parseMetrics } from '../pure/metrics';
import { localExact } from '../pure/time';
import { change } from '../route';
import { useLoad, type Loaded } from '../part/load';
import { Log } from '../part/log';
import { Empty, Show } from '../part/state';

const EVERY = 5_000;
const HERE = Intl.DateTimeFormat().resolvedOptions().timeZone;

export function SystemPage({ query, overview }: { query: Record<string, string>; overview: Loaded<Overview> }) {
    const probes = useLoad('probes', async signal => ({ live: await api.probe('livez', signal), ready: await api.probe('readyz', signal) }), EVERY);
    const metrics = useLoad('metrics', async signal => {
        const text = await api.metrics(signal);
        return text === null ? null : parseMetrics(text);
    }, EVERY);
    const filter = (query.metric ?? '').toLowerCase();

    return (
        <>
            <h1>System</h1>
            <div class="grid">
                <section class="card">
                    <h2>Probes</h2>
                    <Show of={probes} rows={2}>{({ live, ready }) => (
                        <dl class="facts">
                            <dt>Live</dt><dd><Probe said={live} /></dd>
                            <dt>Ready</dt><dd><Probe said={ready} /></dd>
                        </dl>
                    )}</Show>
                    <Show of={overview} rows={3}>{data => (
                        <dl class="facts">
                            <dt>Clock</dt><dd>{localExact(Date.parse(data.now), HERE)}</dd>
                            <dt>Store</dt><dd>{bytes(data.store_bytes)}</dd>
                            <dt>Log</dt><dd>{bytes(data.log_bytes)}</dd>
                            <dt>Readings</dt><dd>{number(data.readings_total)} in all</dd>
                        </dl>
                    )}</Show>
                </section>
                <section class="card">
                    <h2>Stages</h2>
                    <Show of={overview} rows={3}>{data => (
                        <table>
                            <thead><tr><th scope="col">Stage</th><th scope="col" class="numeric">Readings behind</th><th scope="col" class="numeric">Age of the oldest</th></tr></thead>
                            <tbody>{data.stages.map(stage => <tr key={stage.stage}><th scope="row">{stage.stage}</th><td class="numeric">{number(stage.lag_readings)}</td><td class="numeric">{duration(stage.oldest_age_s)}</td></tr>)}</tbody>
                        </table>
                    )}</Show>
                </section>
                <section class="card">
                    <h2>Workers</h2>
                    <Show of={overview} rows={3}>{data => data.workers.length === 0 ? <p class="muted">None runs: there is nothing to do, or stages run inside the server.</p> : (
                        <table>
                            <thead><tr><th scope="col">Stage</th><th scope="col" class="numeric">Process</th><th scope="col">State</th></tr></thead>
                            <tbody>{data.workers.map(worker => <tr key={worker.pid}><th scope="row">{worker.stage}</th><td class="numeric">{worker.pid}</td><td>{worker.state}</td></tr>)}</tbody>
                        </table>
                    )}</Show>
                </section>
            </div>
            <Log title="Recent decisions" query={{ decision: 1 }} empty="Nothing had to be decided since this server began" />
            <Log title="Log" query={{ level: query.level }} empty="No line is of this level">
                <label>Level <select value={query.level ?? ''} onChange={event => change({ level: event.currentTarget.value }, true)}>
                    <option value="">all</option><option value="warning">warnings and errors</option><option value="error">errors</option>
                </select></label>
            </Log>
            {(metrics.data || metrics.error) && <section class="card">
                <div class="figure-head">
                    <h2>Metrics</h2>
                    <label class="inline">Part of a name <input type="search" value={query.metric ?? ''} onInput={event => change({ metric: event.currentTarget.value }, true)} /></label>
                </div>
                <Show of={metrics}>{all => {
                    const shown = metricRows(all!).filter(row => (row.name + row.labels).toLowerCase().includes(filter));
                    return shown.length === 0 ? <Empty title="No metric has that name" /> : (
                        <div class="scroll" tabIndex={0} role="region" aria-label="Metrics">
                            <table class="rows">
                                <thead><tr><th scope="col">Metric</th><th scope="col">Labels</th><th scope="col" class="numeric">Value</th><th scope="col">What it is</th></tr></thead>
                                <tbody>{shown.map((row, i) => (
                                    <tr key={row.name + row.labels}>
                                        <th scope="row"><code>{row.name}</code></th><td><code class="break">{row.labels}</code></td>
                                        <td class="numeric">{row.value}</td><td class="muted">{shown[i - 1]?.name === row.name ? '' : row.help}</td>
                                    </tr>
                                ))}</tbody>
                            </table>
                        </div>
                    );
                }}</Show>
            </section>}
        </>
    );
}

function Probe({ said }: { said: true | string }) {
    return said === true ? <span class="tag good">yes</span> : <><span class="tag bad">no</span> {said}</>;
}
