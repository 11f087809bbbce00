// Where the reader is: `#/meters/8716…?channel=1-1:1.29.0&from=2026-03-01`. Everything that a page shows is a
// function of its address, so that an address can be sent to a colleague and Back undoes a step.
import { useEffect, useState } from 'preact/hooks';

export interface Route { path: string[]; query: Record<string, string> }

function decode(text: string): string {
    try {
        return decodeURIComponent(text.replace(/\+/g, ' '));
    } catch {
        return text;
    }
}

export function parseRoute(hash: string): Route {
    const [path, query = ''] = hash.replace(/^#?\/?/, '').split(/\?(.*)/s);
    const route: Route = { path: path.split('/').filter(Boolean).map(decode), query: {} };
    for (const pair of query.split('&').filter(Boolean)) {
        const [name, value = ''] = pair.split(/=(.*)/s);
        route.query[decode(name)] = decode(value);
    }
    return route;
}

export type Values = Record<string, string | number | null | undefined>;

/** Empty values are left out; what may stand in an address as it is stays readable. */
export function formatRoute(path: string[], query: Values = {}): string {
    const encode = (text: string) => encodeURIComponent(text).replace(/%3A/g, ':').replace(/%2C/g, ',');
    const pairs = Object.entries(query)
        .filter(([, value]) => value !== null && value !== undefined && value !== '')
        .map(([name, value]) => `${encode(name)}=${encode(String(value))}`);
    return `#/${path.map(encode).join('/')}${pairs.length ? `?${pairs.join('&')}` : ''}`;
}

export const meterLink = (usagePoint: string, query: Values = {}) => formatRoute(['meters', usagePoint], query);

export function go(hash: string, replace = false) {
    if (hash === location.hash) return;
    if (replace) history.replaceState(null, '', hash);
    else history.pushState(null, '', hash);
    window.dispatchEvent(new Event('busbar:route'));
}

/** Changes some of the address's values and keeps the rest. */
export function change(values: Values, replace = false) {
    const route = parseRoute(location.hash);
    go(formatRoute(route.path, { ...route.query, ...values }), replace);
}

export function useRoute(): Route {
    const [hash, setHash] = useState(location.hash);
    useEffect(() => {
        const read = () => setHash(location.hash);
        for (const event of ['hashchange', 'popstate', 'busbar:route']) window.addEventListener(event, read);
        return () => {
            for (const event of ['hashchange', 'popstate', 'busbar:route']) window.removeEventListener(event, read);
        };
    }, []);
    return parseRoute(hash);
}
