// Finding a meter by any part of what one knows of it.
import { useEffect, useRef, useState } from 'preact/hooks';
import { api, type UsagePoint } from '../api';
import { number, plural } from '../pure/format';
import { change, go, meterLink } from '../route';
import { useLoad } from '../part/load';
import { Empty, Failed, Show } from '../part/state';

const LIMIT = 100;
const PAUSE = 150; // between the last key and the question

export function MetersPage({ query }: { query: Record<string, string> }) {
    const search = query.search ?? '';
    const [text, setText] = useState(search);
    const input = useRef<HTMLInputElement>(null);
    const loaded = useLoad(search, signal => api.usagePoints({ search, limit: LIMIT }, signal));
    const [more, setMore] = useState<{ items: UsagePoint[]; next: string | null } | null>(null);
    const [error, setError] = useState<Error | null>(null);

    useEffect(() => setText(search), [search]);
    useEffect(() => { setMore(null); setError(null); }, [loaded.data]);
    useEffect(() => {
        if (text === search) return;
        const timer = setTimeout(() => change({ search: text }, true), PAUSE);
        return () => clearTimeout(timer);
    }, [text]);
    useEffect(() => {
        const slash = (event: KeyboardEvent) => {
            if (event.key !== '/' || event.target instanceof HTMLInputElement) return;
            event.preventDefault();
            input.current?.focus();
        };
        window.addEventListener('keydown', slash);
        if (matchMedia('(hover: hover)').matches) input.current?.focus();
        return () => window.removeEventListener('keydown', slash);
    }, []);

    const items = [...loaded.data?.items ?? [], ...more?.items ?? []];
    const next = more ? more.next : loaded.data?.next ?? null;
    const first = async () => { // of what stands in the field now, whether its answer is on the page yet or not
        try {
            const page = await api.usagePoints({ search: text, limit: 1 });
            change({ search: text }, true);
            if (page.items.length) go(meterLink(page.items[0].usage_point));
        } catch (error) {
            setError(error as Error);
        }
    };
    const load = async () => {
        try {
            const page = await api.usagePoints({ search, limit: LIMIT, cursor: next! });
            setMore({ items: [...more?.items ?? [], ...page.items], next: page.next });
        } catch (error) {
            setError(error as Error);
        }
    };

    return (
        <>
            <h1>Meters</h1>
            <form class="search" role="search" onSubmit={event => { event.preventDefault(); void first(); }}>
                <label for="search" class="hidden">Search meters</label>
                <input id="search" ref={input} type="search" autocomplete="off" spellcheck={false} value={text}
                    placeholder="Any part of a name, device, customer, tag or channel"
                    onInput={event => setText(event.currentTarget.value)} />
            </form>
            <Show of={loaded}>{() => items.length === 0
                ? search
                    ? <Empty title={`Nothing has “${search}” in it`}>Names, devices, customers, tags and channels are searched.</Empty>
                    : <Empty title="No meters yet">They appear with their first reading: <code>busbar ingest FILE</code>.</Empty>
                : (
                    <>
                        <p class="muted" role="status">{next ? `The first ${number(items.length)}` : plural(items.length, 'usage point')}</p>
                        <div class="scroll" tabIndex={0} role="region" aria-label="Usage points">
                            <table class="rows">
                                <thead><tr><th scope="col">Usage point</th><th scope="col">Commodity</th><th scope="col" class="numeric">Channels</th><th scope="col">Customer</th><th scope="col">Tags</th><th scope="col">Zone</th></tr></thead>
                                <tbody>{items.map(item => (
                                    <tr key={item.usage_point}>
                                        <th scope="row"><a class="mono" href={meterLink(item.usage_point)}>{item.usage_point}</a></th>
                                        <td>{item.commodity}</td><td class="numeric">{item.channels}</td><td>{item.customer || '–'}</td>
                                        <td>{Object.entries(item.tags ?? {}).map(([name, value]) => <span key={name} class="tag">{name} {value}</span>)}</td>
                                        <td class="muted">{item.zone}</td>
                                    </tr>
                                ))}</tbody>
                            </table>
                        </div>
                        {error && <Failed error={error} again={load} />}
                        {next && <p class="more"><button onClick={load}>Show more</button></p>}
                    </>
                )}</Show>
        </>
    );
}
