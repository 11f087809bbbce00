// What came, what was refused and why.
import { useState } from 'preact/hooks';
import { api } from '../api';
import { FileTable, HERE } from '../part/file';
import { useLoad } from '../part/load';
import { Empty, Show } from '../part/state';

const LIMIT = 200;

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
                        <p class="muted">Newest first; times are of {HERE}. What is still lost of them is among the <a href="#/dead-letters">dead letters</a>.</p>
                        <FileTable files={page.items} label="Files" onChange={loaded.again} />
                        {page.next && limit < 1000 && <p class="more"><button onClick={() => setLimit(Math.min(1000, limit * 2))}>Show more</button></p>}
                    </>
                )}</Show>
        </>
    );
}
