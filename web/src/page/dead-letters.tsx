// What came and does not count, and what to do about it.
import { useState } from 'preact/hooks';
import { api, type Standing } from '../api';
import { number, plural } from '../pure/format';
import { FileTable, HERE } from '../part/file';
import { useLoad } from '../part/load';
import { Empty, Show } from '../part/state';

export function DeadLettersPage() {
    const [limit, setLimit] = useState(100);
    const loaded = useLoad(`dead letters ${limit}`, signal => api.deadLetters({ limit }, signal));
    return (
        <>
            <h1>Dead letters</h1>
            <Show of={loaded}>{page => (
                <>
                    {page.standing.length > 0 && <Standings rows={page.standing} />}
                    {page.items.length === 0 && page.standing.length === 0 && <Empty title="Nothing is lost">All that came counts, or was replayed since.</Empty>}
                    {page.items.length > 0 && <>
                        <p class="muted">Files of which something was refused, newest first; times are of {HERE}. A file that can be read in
                            another way is read once more from here; one that is wrong is mended and sent again. What is refused of a post is
                            told to its sender alone.</p>
                        <FileTable files={page.items} label="Dead letters" onChange={loaded.again} />
                    </>}
                    {page.next && limit < 1000 && <p class="more"><button onClick={() => setLimit(Math.min(1000, limit * 2))}>Show more</button></p>}
                </>
            )}</Show>
        </>
    );
}

function Standings({ rows }: { rows: Standing[] }) {
    return (
        <div class="failed" role="alert">
            <strong>{plural(rows.length, 'partition')} of the log cannot be read on</strong>
            <p>What was derived before stays, and other partitions go on; what lies behind waits. Restore the segment from a backup, and
                {' '}it goes on by itself.</p>
            <ul>{rows.map(row => <li key={row.partition}>Partition {number(row.partition)} at byte {number(row.offset)} of its log: {row.reason} (<code>{row.code}</code>)</li>)}</ul>
        </div>
    );
}
