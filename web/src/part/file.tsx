// A file that came: its row, what was refused of it, and reading it once more.
import { useState } from 'preact/hooks';
import { api, type FileRow, type ReplayAnswer } from '../api';
import { bytes, number, plural } from '../pure/format';
import { localExact } from '../pure/time';
import { mayChange, useMe } from './me';
import { Failed } from './state';

export const HERE = Intl.DateTimeFormat().resolvedOptions().timeZone;
const STATES: Record<string, string> = { done: 'good', refused: 'bad', partial: 'warn' };

export function FileTable({ files, label, onChange }: { files: FileRow[]; label: string; onChange: () => void }) {
    return (
        <div class="scroll" tabIndex={0} role="region" aria-label={label}>
            <table class="rows">
                <thead><tr><th scope="col">Source</th><th scope="col">State</th><th scope="col">Received</th><th scope="col" class="numeric">Readings</th><th scope="col" class="numeric">Rejected</th><th scope="col" class="numeric">Size</th></tr></thead>
                <tbody>{files.map(file => <File key={file.id} file={file} onChange={onChange} />)}</tbody>
            </table>
        </div>
    );
}

function File({ file, onChange }: { file: FileRow; onChange: () => void }) {
    const [open, setOpen] = useState(false);
    const errors = file.errors ?? [];
    return (
        <>
            <tr>
                <th scope="row"><code class="break">{file.source}</code>{' '}
                    {file.rejected > 0 && <button class="link" aria-expanded={open} onClick={() => setOpen(!open)}>{open ? 'Hide' : 'Show'} {plural(errors.length, 'error')}</button>}</th>
                <td><span class={`tag ${STATES[file.state] ?? ''}`}>{file.state}</span>{file.replayed && <> <span class="tag good">replayed</span></>}</td>
                <td>{localExact(Date.parse(file.received), HERE)}</td>
                <td class="numeric">{number(file.readings)}</td><td class="numeric">{number(file.rejected)}</td><td class="numeric">{bytes(file.bytes)}</td>
            </tr>
            {open && <tr class="detail"><td colSpan={6}>
                <table class="small">
                    <thead><tr><th scope="col" class="numeric">Line</th><th scope="col">Code</th><th scope="col">Reason</th></tr></thead>
                    <tbody>{errors.map((error, i) => <tr key={i}><td class="numeric">{error.line ? number(error.line) : ''}</td><td><code>{error.code}</code></td><td>{error.reason}</td></tr>)}</tbody>
                </table>
                {file.rejected > errors.length && <p class="muted">The first {errors.length} of {number(file.rejected)}.</p>}
                {!file.replayed && <Replay file={file} onChange={onChange} />}
            </td></tr>}
        </>
    );
}

const WORDS: Record<ReplayAnswer['outcome'], string> = {
    done: 'All of it counts now', partial: 'The good lines count now', known: 'Its content counted before, nothing was done',
};

function Replay({ file, onChange }: { file: FileRow; onChange: () => void }) {
    const me = useMe();
    const [zone, setZone] = useState('');
    const [map, setMap] = useState('');
    const [partial, setPartial] = useState(false);
    const [busy, setBusy] = useState(false);
    const [error, setError] = useState<Error | null>(null);
    const [answer, setAnswer] = useState<ReplayAnswer | null>(null);

    if (!mayChange(me)) return <p class="muted">This key may read. To read the file once more, use one with the role admin.</p>;

    const send = async () => {
        setBusy(true);
        setError(null);
        try {
            setAnswer(await api.replay(file.id, { zone: zone.trim(), partial: partial ? 1 : '' }, map));
        } catch (error) {
            setError(error as Error);
        }
        setBusy(false);
    };
    return (
        <form class="edit" onSubmit={event => { event.preventDefault(); void send(); }}>
            <label for={`zone-${file.id}`}>Zone of times without offset, such as {HERE}</label>
            <input id={`zone-${file.id}`} autocomplete="off" value={zone} onInput={event => setZone(event.currentTarget.value)} />
            <label for={`map-${file.id}`}>Map file (YAML), when its columns follow no convention</label>
            <textarea id={`map-${file.id}`} rows={3} spellcheck={false} value={map} onInput={event => setMap(event.currentTarget.value)} />
            <label for={`partial-${file.id}`}><input id={`partial-${file.id}`} type="checkbox" checked={partial} onChange={event => setPartial(event.currentTarget.checked)} /> Keep the good lines when there are bad ones</label>
            <div class="buttons"><button class="primary" disabled={busy}>{busy ? 'Reading…' : 'Read once more'}</button></div>
            {error && <Failed error={error} />}
            {answer && <p class="done" role="status"><strong>{WORDS[answer.outcome]}.</strong> {plural(answer.readings, 'reading')}{answer.rejected > 0 && <>, {number(answer.rejected)} rejected</>}.{' '}
                <button type="button" class="link" onClick={onChange}>Refresh the list</button></p>}
        </form>
    );
}
