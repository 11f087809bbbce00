// Something long that a person starts: that it runs, for how long, its outcome, and a way to stop it. The page stays
// usable meanwhile; what was there before stays until the new outcome is.
import { useEffect, useRef, useState } from 'preact/hooks';

export interface Run<T> {
    data: T | null; error: Error | null;
    seconds: number | null;   // it has been running for; null: it does not run
    waits: boolean;           // for another one to end
    start: (ask: (signal: AbortSignal, waits: () => void) => Promise<T>) => void;
    stop: () => void;
    forget: () => void;
}

export function useRun<T>(): Run<T> {
    const [state, setState] = useState<{ data: T | null; error: Error | null }>({ data: null, error: null });
    const [seconds, setSeconds] = useState<number | null>(null);
    const [waits, setWaits] = useState(false);
    const abort = useRef<AbortController | null>(null);

    const end = () => { abort.current = null; setSeconds(null); setWaits(false); };
    const stop = () => { abort.current?.abort(); end(); };
    const start: Run<T>['start'] = ask => {
        abort.current?.abort();
        const own = abort.current = new AbortController();
        setSeconds(0);
        setWaits(false);
        setState(state => ({ ...state, error: null }));
        ask(own.signal, () => setWaits(true)).then(
            data => { if (abort.current === own) { setState({ data, error: null }); end(); } },
            error => { if (abort.current === own) { setState(state => ({ ...state, error })); end(); } });
    };
    const runs = seconds !== null;
    useEffect(() => {
        if (!runs) return;
        const began = Date.now();
        // A tick may come between the end and its paint: what has ended stays so.
        const timer = setInterval(() => setSeconds(seconds => seconds === null ? null : Math.round((Date.now() - began) / 1000)), 1000);
        return () => clearInterval(timer);
    }, [runs]);
    useEffect(() => () => abort.current?.abort(), []);

    const forget = () => { stop(); setState({ data: null, error: null }); };

    return { ...state, seconds, waits, start, stop, forget };
}
