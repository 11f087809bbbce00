// What a page shows while there is nothing to show: on its way, failed, or empty. Each says what to do next.
import type { ComponentChildren } from 'preact';
import { ApiError } from '../api';
import type { Loaded } from './load';

export function Waiting({ rows = 4 }: { rows?: number }) {
    return (
        <div class="waiting" role="status" aria-label="Loading">
            {Array.from({ length: rows }, (_, i) => <div key={i} />)}
        </div>
    );
}

export function Failed({ error, again }: { error: Error; again?: () => void }) {
    const api = error instanceof ApiError ? error : null;
    return (
        <div class="failed" role="alert">
            <strong>{api?.problem.title ?? 'This did not work'}</strong>
            <p>{error.message}</p>
            {api?.problem.known && <p>Known: {api.problem.known.join(', ')}</p>}
            {api?.code && <p class="muted">Code <code>{api.code}</code>; <code>busbar explain {api.code}</code> says more.</p>}
            {again && <button onClick={again}>Try again</button>}
        </div>
    );
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
    return <div class="empty"><strong>{title}</strong>{children && <p>{children}</p>}</div>;
}

/** The answer when it is there; a failed refresh is said above the last good answer. */
export function Show<T>({ of, rows, children }: { of: Loaded<T>; rows?: number; children: (data: T) => ComponentChildren }) {
    if (of.data === null)
        return of.error ? <Failed error={of.error} again={of.again} /> : of.busy ? <Waiting rows={rows} /> : null;
    return (
        <>
            {of.error && <Failed error={of.error} again={of.again} />}
            {children(of.data)}
        </>
    );
}
