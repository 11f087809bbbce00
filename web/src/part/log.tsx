// The plant's log as it goes on: its last lines, or only what the plant decided by itself. A list stands still while
// somebody reads in it.
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { ApiError, api, type LogQuery } from '../api';
import { fieldsOf, type LogLine } from '../pure/log';
import { localExact } from '../pure/time';
import { HERE } from './file';
import { useLoad } from './load';
import { mayChange, useMe } from './me';
import { Empty, Show } from './state';

const EVERY = 5_000, LIMIT = 200;
const LEVELS: Record<string, string> = { warning: 'warn', error: 'bad' };

interface Props { title: string; query: LogQuery; empty: string; children?: ComponentChildren }

export function Log({ title, query, empty, children }: Props) {
    const me = useMe();
    const [scrolled, setScrolled] = useState(false);
    const [focused, setFocused] = useState(false);
    const [refused, setRefused] = useState(false);
    const reads = scrolled || focused;
    const may = mayChange(me) && !refused;
    const loaded = useLoad(may ? JSON.stringify(query) : null, signal => api.log({ ...query, limit: LIMIT }, signal), reads ? 0 : EVERY);
    const { error, again } = loaded;
    useEffect(() => { if (error instanceof ApiError && error.status === 403) setRefused(true); }, [error]);
    useEffect(() => setRefused(false), [me]);
    useEffect(() => { if (!reads) again(); }, [reads]); // what came meanwhile

    return (
        <section class="card">
            <div class="figure-head">
                <h2>{title}</h2>
                {reads && <span class="muted" role="status">Stands still while you read</span>}
                {may && children}
            </div>
            {me && !may ? <p class="muted">Lines tell of the whole plant: they are for whoever runs it, with a key or token of the role admin in the server’s own tenant.</p>
                : <Show of={loaded} rows={3}>{page => (
                    <div class="scroll" tabIndex={0} role="region" aria-label={title} onScroll={event => setScrolled(event.currentTarget.scrollTop > 0)}
                        onFocusCapture={() => setFocused(true)} onBlurCapture={() => setFocused(false)}>
                        {page.items.length === 0 ? <Empty title={empty} /> : <table class="rows">
                            <thead><tr><th scope="col">Time</th><th scope="col">{query.decision ? 'Decision' : 'Level'}</th><th scope="col">What</th><th scope="col" class="numeric">Process</th></tr></thead>
                            <tbody>{page.items.map(line => <Line key={line.serial} line={line} decision={Boolean(query.decision)} />)}</tbody>
                        </table>}
                    </div>
                )}</Show>}
        </section>
    );
}

function Line({ line, decision }: { line: LogLine; decision: boolean }) {
    return (
        <tr>
            <td class="nowrap">{localExact(Date.parse(line.time), HERE)}</td>
            <td><span class={`tag ${LEVELS[line.level] ?? ''}`}>{decision ? line.decision : line.level}</span></td>
            <td class="said">{line.message}{fieldsOf(line).map(([name, text]) => <span key={name}> <span class="muted">{name}</span> <code class="break">{text}</code></span>)}</td>
            <td class="numeric">{line.process}</td>
        </tr>
    );
}
