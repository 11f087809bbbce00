// Asking the plant from a page: the answer, or that it is on its way, or what went wrong. An answer that is no
// longer wanted is dropped; while a new one is on its way the old one stays.
import { useEffect, useRef, useState } from 'preact/hooks';

export interface Loaded<T> { data: T | null; error: Error | null; busy: boolean; again: () => void }

/** `wanted` names what is asked; null: nothing is. Asks anew when it changes, and every `every` ms. */
export function useLoad<T>(wanted: string | null, ask: (signal: AbortSignal) => Promise<T>, every = 0): Loaded<T> {
    const [state, setState] = useState<{ data: T | null; error: Error | null; busy: boolean }>(
        { data: null, error: null, busy: wanted !== null });
    const [round, setRound] = useState(0);
    const latest = useRef(ask);
    latest.current = ask;

    useEffect(() => {
        if (wanted === null) {
            setState({ data: null, error: null, busy: false });
            return;
        }
        const abort = new AbortController();
        setState(state => ({ ...state, busy: true }));
        latest.current(abort.signal).then(
            data => { if (!abort.signal.aborted) setState({ data, error: null, busy: false }); },
            error => { if (!abort.signal.aborted) setState(state => ({ ...state, error, busy: false })); });
        return () => abort.abort();
    }, [wanted, round]);

    useEffect(() => {
        if (!every) return;
        const timer = setInterval(() => { if (!document.hidden) setRound(n => n + 1); }, every);
        return () => clearInterval(timer);
    }, [every]);

    // Another question, or a key that was given meanwhile.
    useEffect(() => {
        const again = () => setRound(n => n + 1);
        window.addEventListener('busbar:again', again);
        return () => window.removeEventListener('busbar:again', again);
    }, []);

    return { ...state, again: () => setRound(n => n + 1) };
}

/** Something was changed, or a key was given: every part of the page asks again. */
export function askAgain() { window.dispatchEvent(new Event('busbar:again')); }
