// One rule: what it says, what it costs, and its parameters in a form, to be tried on history and deployed.
//
// What stands in the form stands in the address (p.NAME, from, to, share, usage_point), so that a proposal can be sent
// to a colleague. Nothing runs until somebody asks for it.
import { useEffect, useState } from 'preact/hooks';
import { api, ApiError, type Rule, type RuleTrial } from '../api';
import { compact, duration, number, plural } from '../pure/format';
import { fieldOf, fromAddress, intoAddress, paragraphs, readForm, speaking, startOf, valuesText, valueText, type Parameters, type Texts } from '../pure/rules';
import { addDays, isDate, localMinute, startOfDay, utcText } from '../pure/time';
import { change, formatRoute, go } from '../route';
import { BacktestOutcome, effect, patiently, type Outcome } from '../part/backtest';
import { DeployDialog, RollbackDialog, share } from '../part/deploy';
import { HERE } from '../part/file';
import { History } from '../part/history';
import { askAgain, useLoad } from '../part/load';
import { mayChange, useMe } from '../part/me';
import { ParameterFields } from '../part/parameters';
import { useRun } from '../part/run';
import { Failed, Show } from '../part/state';
import { Canary, VersionTable } from './rules';

type Query = Record<string, string>;

const PAUSE = 150, SUGGESTED = 20; // ms between the last key and the question

export function RulePage({ name, query }: { name: string; query: Query }) {
    const loaded = useLoad(`rule ${name}`, signal => api.rule(name, signal));
    return (
        <>
            <p class="crumb"><a href={formatRoute(['rules'])}>Rules</a></p>
            <Show of={loaded} rows={8}>{rule => <Told rule={rule} query={query} />}</Show>
        </>
    );
}

function Told({ rule, query }: { rule: Rule; query: Query }) {
    const me = useMe();
    const may = mayChange(me);
    const [said, setSaid] = useState('');
    const [rolling, setRolling] = useState(false);
    const [last] = rule.versions;
    return (
        <>
            <div class="title">
                <h1 class="mono">{rule.rule}</h1>
                <span class="muted">{[rule.lane, rule.channel, last.commodity].filter(Boolean).join(', ')}</span>
                <Canary version={last} />
            </div>
            <div class="lead">{paragraphs(rule.description ?? '').map(text => <p key={text}>{text}</p>)}</div>
            {said && <p class="done" role="status">{said}</p>}
            {rule.fault && <div class="failed" role="alert"><strong>Its module does not load</strong><pre class="code" tabIndex={0}>{rule.fault}</pre></div>}
            <Now rule={rule} />
            {rule.parameters && (may ? <Bench rule={rule} described={rule.parameters} query={query} setSaid={setSaid} /> : <Stated rule={rule} described={rule.parameters} known={me !== null} />)}
            <section class="card">
                <div class="figure-head">
                    <h2>{plural(rule.versions.length, 'version')}</h2>
                    {may && <button onClick={() => setRolling(true)}>Roll back…</button>}
                </div>
                <div class="scroll" tabIndex={0} role="region" aria-label="Versions"><VersionTable versions={rule.versions} /></div>
                <p class="muted">The last deployed stands first. Of a value the first version speaks that is there for its time and its meter; to roll back is to take the first one away.</p>
                {may && <RollbackDialog versions={rule.versions} open={rolling} onClose={() => setRolling(false)} done={answer => {
                    setRolling(false);
                    if (answer.version === null) { go(formatRoute(['rules'], { gone: rule.rule })); return; }
                    setSaid(`Version ${answer.taken_away} is taken away; ${answer.version} speaks.` + (answer.pending ? ' It counts as soon as values are derived.' : ''));
                    askAgain();
                }} />}
            </section>
            <History rule={rule.rule} />
            <section class="card">
                <details class="source">
                    <summary><h2>Source</h2> <span class="muted">{rule.module}.py, as it is deployed</span></summary>
                    <pre class="code" tabIndex={0} role="region" aria-label={`Source of ${rule.module}.py`}>{rule.source}</pre>
                </details>
            </section>
        </>
    );
}

function Now({ rule }: { rule: Rule }) {
    const { cost } = rule;
    return (
        <dl class="figures small">
            {speaking(rule.versions).map(version => (
                <div key={version.version} class="version">
                    <dt>Speaks{version.share < 1 && ` of ${share(version.share)}`}</dt><dd class="mono">{version.version}</dd>
                    <dd class="under">since {localMinute(Date.parse(version.deployed), HERE)}{version.by && `, by ${version.by}`}{version.reason && <>: “{version.reason}”</>}</dd>
                </div>
            ))}
            <div><dt>Of module</dt><dd class="mono">{rule.module}</dd><dd class="under">function <code>{rule.function}</code></dd></div>
            <div><dt>Processor time</dt><dd>{duration(cost.seconds)}</dd><dd class="under">{cost.windows === 0 ? 'not asked yet' : `${number(cost.windows)} windows, ${compact(cost.windows / (cost.seconds || 1))} a second`}</dd></div>
            <div><dt>Windows that failed</dt><dd class={cost.failures ? 'bad' : undefined}>{number(cost.failures)}</dd><dd class="under">{cost.failures ? <a href={formatRoute(['exceptions'], { check: 'rule' })}>exceptions of rules</a> : 'since the server started'}</dd></div>
        </dl>
    );
}

/** For those who may only read. */
function Stated({ rule, described, known }: { rule: Rule; described: Parameters; known: boolean }) {
    const spoken = rule.versions[0].parameters;
    return (
        <section class="card">
            <h2>Parameters</h2>
            {Object.keys(described).length === 0 ? <p class="muted">It takes none.</p> : (
                <div class="scroll" tabIndex={0} role="region" aria-label="Parameters"><table>
                    <thead><tr><th scope="col">Parameter</th><th scope="col">Value</th><th scope="col">Default</th><th scope="col">What it is</th></tr></thead>
                    <tbody>{Object.entries(described).map(([name, about]) => (
                        <tr key={name}><th scope="row"><code>{name}</code></th><td>{valueText(spoken[name] ?? about.default)}</td><td>{valueText(about.default)}</td><td>{about.help}</td></tr>
                    ))}</tbody>
                </table></div>
            )}
            {known && <p class="muted">This key may read. To try or deploy rules, use one with the role admin.</p>}
        </section>
    );
}

// ---- trying and deploying -------------------------------------------------------------------------------------

/** What is wrong is told apart: a parameter may be called as one of the places below. */
interface Proposal { texts: Texts; trial: RuleTrial; wrong: { parameters: Record<string, string>; places: Record<string, string> } }

/** What the address says, held against what the rule takes. */
function readProposal(rule: Rule, described: Parameters, query: Query): Proposal {
    const spoken = rule.versions[0].parameters;
    const texts = startOf(described, spoken);
    for (const name of Object.keys(described)) if (query[`p.${name}`] !== undefined) texts[name] = fromAddress(query[`p.${name}`]);
    const form = readForm(described, texts, spoken);
    const places: Record<string, string> = {};
    const part = query.share ? Number(query.share.replace(',', '.')) : usualShare(rule); // a canary stays one until somebody says 100
    if (!(part >= 0.1 && part <= 100)) places.share = 'Allowed: from 0.1 to 100';
    for (const name of ['from', 'to']) if (query[name] && !isDate(query[name])) places[name] = 'This is no day';
    const start = query.from && !places.from ? startOfDay(query.from, HERE) : undefined;
    const end = query.to && !places.to ? startOfDay(addDays(query.to, 1), HERE) : undefined;
    if (start !== undefined && end !== undefined && end <= start) places.to = 'It ends before it begins';
    return {
        texts, wrong: { parameters: form.wrong, places },
        trial: {
            rule: rule.rule, parameters: form.values, usage_point: query.usage_point || undefined, canary: part < 100 ? part / 100 : undefined,
            from: start === undefined ? undefined : utcText(start), to: end === undefined ? undefined : utcText(end),
        },
    };
}

const usualShare = (rule: Rule) => Number((rule.versions[0].share * 100).toFixed(1));

const PLACES: Record<string, string> = { from: 'from', to: 'to', canary: 'share', usage_point: 'usage_point' }; // as the plant calls them

/** The plant's refusal beside the field that it is about, if it is about one. */
function beside(error: Error | null, described: Parameters): Proposal['wrong'] | null {
    if (!(error instanceof ApiError)) return null;
    if (error.code === 'BB-5011') { // the parameters do not fit
        const name = fieldOf(error.problem, Object.keys(described));
        return name ? { parameters: { [name]: error.message }, places: {} } : null;
    }
    const name = PLACES[fieldOf(error.problem, Object.keys(PLACES))];
    return name ? { parameters: {}, places: { [name]: error.message } } : null;
}

/** "k 20, then line; 2026-03-20 00:00 to the last value; of A alone". */
function asked({ trial, answer }: Outcome): string {
    const time = (text: string | null, none: string) => text ? localMinute(Date.parse(text), HERE) : none;
    return [
        valuesText(trial.parameters ?? {}) || 'parameters as the author says', `${time(answer.from, 'the first value')} to ${time(answer.to, 'the last value')}`,
        trial.usage_point && `${trial.usage_point} alone`, trial.canary && `${share(trial.canary)} of the usage points`,
    ].filter(Boolean).join('; ');
}

function Bench({ rule, described, query, setSaid }: { rule: Rule; described: Parameters; query: Query; setSaid: (words: string) => void }) {
    const run = useRun<Outcome>();
    const [tried, setTried] = useState('');
    const [deploying, setDeploying] = useState(false);
    const stands = rule.versions.map(version => version.version + version.deployed).join();
    useEffect(run.forget, [stands]); // it was held against what spoke then
    const { texts, wrong, trial } = readProposal(rule, described, query);
    const fresh = run.data !== null && JSON.stringify(run.data.trial) === JSON.stringify(trial) && run.data.answer.rule === rule.rule;
    const told = tried === JSON.stringify(trial) ? beside(run.error, described) : null;
    const faults = { parameters: { ...told?.parameters, ...wrong.parameters }, places: { ...told?.places, ...wrong.places } };
    const right = Object.keys(wrong.parameters).length + Object.keys(wrong.places).length === 0;
    const set = (name: string, text: string) => change({ [name]: text }, true);
    const test = () => {
        setTried(JSON.stringify(trial));
        run.start(async (signal, waits) => ({ trial, answer: await patiently({ ...trial, rows: 100 }, signal, waits) }));
    };
    const touched = Object.keys(query).some(name => name.startsWith('p.'));
    const reset = () => change(Object.fromEntries(Object.keys(query).filter(name => name.startsWith('p.')).map(name => [name, null])), true);

    return (
        <>
            <form class="card bench" noValidate onSubmit={event => { event.preventDefault(); if (right && run.seconds === null) test(); }}>
                <div class="figure-head"><h2>Parameters</h2>{touched && <button type="button" class="plain" onClick={reset}>As they are deployed</button>}</div>
                {Object.keys(described).length === 0 ? <p class="muted">It takes none.</p>
                    : <ParameterFields described={described} texts={texts} wrong={faults.parameters} set={(name, text) => set(`p.${name}`, intoAddress(text))} />}
                <h3>What is looked at</h3>
                <div class="fields">
                    <Plain name="from" label="From day" type="date" query={query} wrong={faults.places} set={set} help={`its beginning in ${HERE}; none: the last seven days`} />
                    <Plain name="to" label="To day" type="date" query={query} wrong={faults.places} set={set} help="its end; none: what is stored" />
                    <UsagePointField query={query} wrong={faults.places} set={set} />
                    <Plain name="share" label="Share of usage points, %" query={query} wrong={faults.places} set={set} placeholder={String(usualShare(rule))}
                        help={usualShare(rule) < 100 ? `it is a canary of ${usualShare(rule)}; 100: of all` : 'below 100 it is a canary: always the same ones'} />
                </div>
                <div class="buttons">
                    {run.seconds !== null && <span class="running" role="status">{run.waits ? 'Another back-test is under way, this one waits' : 'The back-test runs'}<span aria-hidden="true"> {duration(run.seconds)}</span>…</span>}
                    {run.seconds !== null /* with keys: a click on the one must not become one on the other */
                        ? <button key="stop" type="button" onClick={run.stop}>Stop</button>
                        : <button key="test" class={fresh ? undefined : 'primary'} disabled={!right}>Back-test</button>}
                    <button type="button" class={fresh ? 'primary' : undefined} disabled={!right} onClick={() => setDeploying(true)}>Deploy…</button>
                </div>
                {run.error && !told && tried === JSON.stringify(trial) && <Failed error={run.error} />}
            </form>
            <p class="hidden" role="status">{fresh && `The back-test has ended: ${effect(run.data!.answer)}.`}</p>
            {run.data && (
                <section class={run.seconds !== null ? 'busy' : undefined} aria-label="Back-test">
                    <div class="title"><h2>Back-test</h2>
                        <span class="muted">{asked(run.data)}</span>
                        {!fresh && <span class="tag warn">the form says something else by now</span>}
                    </div>
                    <BacktestOutcome outcome={run.data} lane={rule.lane} channel={rule.channel} usagePoint={query.shown ?? ''} choose={shown => change({ shown }, true)} />
                </section>
            )}
            <DeployDialog rule={rule} trial={trial} outcome={fresh ? run.data : null} from={query.from ?? ''} open={deploying} onClose={() => setDeploying(false)} done={answer => {
                setDeploying(false);
                run.forget();
                setSaid(answer.same ? `Version ${answer.version} speaks already, of all that was asked: nothing was to be done.`
                    : `Version ${answer.version} is deployed.` + (answer.pending ? ' It counts as soon as values are derived.' : ''));
                scrollTo({ top: 0 });
                reset();
                askAgain();
            }} />
        </>
    );
}

function Plain({ name, label, type, query, wrong, help, placeholder, list, set }: {
    name: string; label: string; type?: string; query: Query; wrong: Record<string, string>; help: string; placeholder?: string; list?: { value: string; about: string }[];
    set: (name: string, text: string) => void;
}) {
    const id = `place-${name}`;
    return (
        <div class="field">
            <label for={id}>{label}</label>
            <input id={id} type={type} autocomplete="off" spellcheck={false} placeholder={placeholder} value={query[name] ?? ''} aria-invalid={Boolean(wrong[name])}
                list={list && `${id}-list`} aria-describedby={wrong[name] ? `${id}-wrong ${id}-help` : `${id}-help`} onInput={event => set(name, event.currentTarget.value)} />
            {list && <datalist id={`${id}-list`}>{list.map(item => <option key={item.value} value={item.value} label={item.about} />)}</datalist>}
            {wrong[name] && <p class="wrong" id={`${id}-wrong`} role="alert">{wrong[name]}</p>}
            <p class="muted" id={`${id}-help`}>{help}</p>
        </div>
    );
}

/** With what the search of the page Meters finds. */
function UsagePointField(props: { query: Query; wrong: Record<string, string>; set: (name: string, text: string) => void }) {
    const text = props.query.usage_point ?? '';
    const [search, setSearch] = useState(text);
    useEffect(() => {
        const timer = setTimeout(() => setSearch(text), PAUSE);
        return () => clearTimeout(timer);
    }, [text]);
    const found = useLoad(`usage points ${search}`, signal => api.usagePoints({ search, limit: SUGGESTED }, signal));
    return <Plain {...props} name="usage_point" label="Usage point" help="part of its name, customer or tags finds it; none: all of them"
        list={(found.data?.items ?? []).map(item => ({ value: item.usage_point, about: [item.customer, ...Object.values(item.tags ?? {})].filter(Boolean).join(', ') }))} />;
}
