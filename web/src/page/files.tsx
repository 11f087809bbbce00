// What came, what was refused and why.
import { useState } from 'preact/hooks';
import { api, type FileRow } from '../api';
import { bytes, number, plural } from '../pure/format';
import { localExact } from '../pure/time';
import { useLoad } from '../part/load';
import { Empty, Show } from '../part/state';

const LIMIT = 200;
const HERE = Intl.DateTimeFormat().resolvedOptions().timeZone;
const STATES: Record<string, string> = { done: 'good', refused: 'bad', partial: 'warn' };

export function FilesPage() {
    const [limit, setLimit] = useState(LIMIT);
    const loaded = useLoad(`files ${limit}`, signal => api.files({ limit }, signal));
    return (
        <>
            <h1>Files</h1>
            <Show of={loaded}>{page => page.items.length === 0
                ? <Empty title="No file came yet"><code>busbar ingest FILE</code>, a post to /v1/readings, or the drop folder.</Empty>
                : (
                    <>
                        <p class="muted">Newest first; times are of {HERE}.</p>
                        <div class="scroll" tabIndex={0} role="region" aria-label="Files">
                            <table class="rows">
                                <thead><tr><th scope="col">Source</th><th scope="col">State</th><th scope="col">Received</th><th scope="col" class="numeric">Readings</th><th scope="col" class="numeric">Rejected</th><th scope="col" class="numeric">Size</th></tr></thead>
                                <tbody>{page.items.map(file => <File key={file.source + file.received} file={file} />)}</tbody>
                            </table>
                        </div>
                        {page.next && limit < 1000 && <p class="more"><button onClick={() => setLimit(Math.min(1000, limit * 2))}>Show more</button></p>}
                    </>
                )}</Show>
        </>
    );
}

function File({ file }: { file: FileRow }) {
    const [open, setOpen] = useState(false);
    const errors = file.errors ?? [];
    return (
        <>
            <tr>
                <th scope="row"><code class="break">{file.source}</code>{' '}
                    {errors.length > 0 && <button class="link" aria-expanded={open} onClick={() => setOpen(!open)}>{open ? 'Hide' : 'Show'} {plural(errors.length, 'error')}</button>}</th>
                <td><span class={`tag ${STATES[file.state] ?? ''}`}>{file.state}</span></td>
                <td>{localExact(Date.parse(file.received), HERE)}</td>
                <td class="numeric">{number(file.readings)}</td><td class="numeric">{number(file.rejected)}</td><td class="numeric">{bytes(file.bytes)}</td>
            </tr>
            {open && <tr class="detail"><td colSpan={6}>
                <table class="small">
                    <thead><tr><th scope="col" class="numeric">Line</th><th scope="col">Code</th><th scope="col">Reason</th></tr></thead>
                    <tbody>{errors.map((error, i) => <tr key={i}><td class="numeric">{number(error.line)}</td><td><code>{error.code}</code></td><td>{error.reason}</td></tr>)}</tbody>
                </table>
                {file.rejected > errors.length && <p class="muted">The first {errors.length} of {number(file.rejected)}.</p>}
            </td></tr>}
        </>
    );
}
