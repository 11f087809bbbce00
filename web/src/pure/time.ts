// Time as people of a place read it. Moments are milliseconds UTC; days are local dates "2026-03-29" of an IANA
// zone and have 23, 24 or 25 hours. Nothing here asks the clock.

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

export interface LocalParts {
    year: number; month: number; day: number;
    hour: number; minute: number; second: number;
}

const formatters = new Map<string, Intl.DateTimeFormat>();

function formatter(zone: string): Intl.DateTimeFormat {
    let found = formatters.get(zone);
    if (!found) {
        const options: Intl.DateTimeFormatOptions = {
            timeZone: zone, hourCycle: 'h23', calendar: 'gregory', numberingSystem: 'latn',
            year: 'numeric', month: '2-digit', day: '2-digit',
            hour: '2-digit', minute: '2-digit', second: '2-digit',
        };
        try {
            found = new Intl.DateTimeFormat('en-GB', options);
        } catch { // a zone that this browser does not know: say UTC rather than nothing
            found = new Intl.DateTimeFormat('en-GB', { ...options, timeZone: 'UTC' });
        }
        formatters.set(zone, found);
    }
    return found;
}

export function localParts(ms: number, zone: string): LocalParts {
    const text = formatter(zone).format(ms); // "29/03/2026, 14:15:00"
    const part = (at: number, size: number) => Number(text.slice(at, at + size));
    return { year: part(6, 4), month: part(3, 2), day: part(0, 2), hour: part(12, 2), minute: part(15, 2), second: part(18, 2) };
}

/** How far local clocks are ahead of UTC at a moment, in ms. */
export function zoneOffset(ms: number, zone: string): number {
    const p = localParts(ms, zone);
    return Date.UTC(p.year, p.month - 1, p.day, p.hour, p.minute, p.second) - Math.floor(ms / 1000) * 1000;
}

const two = (n: number) => String(n).padStart(2, '0');

export function localDate(ms: number, zone: string): string {
    const p = localParts(ms, zone);
    return `${p.year}-${two(p.month)}-${two(p.day)}`;
}

/** "2026-03-29 14:15" */
export function localMinute(ms: number, zone: string): string {
    const p = localParts(ms, zone);
    return `${p.year}-${two(p.month)}-${two(p.day)} ${two(p.hour)}:${two(p.minute)}`;
}

/** "14:15" */
export function localClock(ms: number, zone: string): string {
    const p = localParts(ms, zone);
    return `${two(p.hour)}:${two(p.minute)}`;
}

/** "2026-03-29 14:15:08 +02:00": leaves no doubt in a repeated hour. */
export function localExact(ms: number, zone: string): string {
    const p = localParts(ms, zone);
    return `${p.year}-${two(p.month)}-${two(p.day)} ${two(p.hour)}:${two(p.minute)}`
        + (p.second ? `:${two(p.second)}` : '') + ` ${offsetText(zoneOffset(ms, zone))}`;
}

/** "2026-03-29 14:00 – 14:15 +02:00"; the second date only when it is another one. */
export function stretch(from: number, to: number, zone: string): string {
    const first = localMinute(from, zone), last = localExact(to, zone);
    const moved = zoneOffset(from, zone) !== zoneOffset(to, zone) ? ` ${offsetText(zoneOffset(from, zone))}` : '';
    return `${first}${moved} – ${last.slice(0, 10) === first.slice(0, 10) ? last.slice(11) : last}`;
}

export function offsetText(offset: number): string {
    const minutes = Math.round(Math.abs(offset) / MINUTE);
    return `${offset < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

/** The first moment of a local day. Where midnight is skipped by a clock change, the first moment behind it. */
export function startOfDay(date: string, zone: string): number {
    const [year, month, day] = date.split('-').map(Number);
    const wanted = Date.UTC(year, month - 1, day);
    let at = wanted - zoneOffset(wanted, zone);
    at = wanted - zoneOffset(at, zone);
    while (localDate(at, zone) < date) at += 30 * MINUTE;
    const earlier = at - HOUR; // of a midnight that comes twice, the first
    return localDate(earlier, zone) === date ? earlier : at;
}

export function addDays(date: string, days: number): string {
    const [year, month, day] = date.split('-').map(Number);
    return new Date(Date.UTC(year, month - 1, day + days)).toISOString().slice(0, 10);
}

export function daysBetween(from: string, to: string): number {
    return Math.round((Date.parse(to) - Date.parse(from)) / DAY);
}

/** 23, 24 or 25; zones with half-hour changes have others. */
export function dayHours(date: string, zone: string): number {
    return (startOfDay(addDays(date, 1), zone) - startOfDay(date, zone)) / HOUR;
}

export interface LocalDay { date: string; start: number; end: number }

/** The local days that [from, to) touches. */
export function localDays(from: number, to: number, zone: string): LocalDay[] {
    const days: LocalDay[] = [];
    if (!(from < to)) return days;
    let date = localDate(from, zone);
    let start = startOfDay(date, zone);
    let offset = zoneOffset(start, zone);
    while (start < to) {
        const next = addDays(date, 1);
        // Where the clock did not change meanwhile, a day later is 24 hours later.
        const later = zoneOffset(start + DAY, zone);
        const end = later === offset ? start + DAY : startOfDay(next, zone);
        days.push({ date, start, end });
        date = next;
        start = end;
        offset = later === offset ? later : zoneOffset(start, zone);
    }
    return days;
}

const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

export function weekday(date: string): number {
    return new Date(`${date}T00:00:00Z`).getUTCDay();
}

/** "Sun 29 Mar 2026" */
export function dateWords(date: string): string {
    const [year, month, day] = date.split('-').map(Number);
    return `${WEEKDAYS[weekday(date)]} ${day} ${MONTHS[month - 1]} ${year}`;
}

/** "29 Mar" */
export function dateShort(date: string): string {
    const [, month, day] = date.split('-').map(Number);
    return `${day} ${MONTHS[month - 1]}`;
}

export function isDate(text: string): boolean {
    return /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text))
        && new Date(text).toISOString().startsWith(text);
}

/** What stands in an address: a local date (its first moment) or an RFC 3339 time. NaN: neither. */
export function readMoment(text: string, zone: string): number {
    if (isDate(text)) return startOfDay(text, zone);
    return /^\d{4}-\d{2}-\d{2}T/.test(text) ? Date.parse(text) : NaN;
}

/** The shortest text that readMoment reads back: a date when the moment begins a local day. */
export function writeMoment(ms: number, zone: string): string {
    const date = localDate(ms, zone);
    return startOfDay(date, zone) === ms ? date : utcText(ms);
}

/** "2026-03-29T00:15:00Z" */
export function utcText(ms: number): string {
    return new Date(ms).toISOString().replace('.000Z', 'Z');
}

/** "15m", "1h", "1d" → ms; NaN: no nominal length. */
export function readInterval(text: string): number {
    const match = /^(\d+)(s|m|h|d)$/.exec(text);
    if (!match) return NaN;
    return Number(match[1]) * { s: 1000, m: MINUTE, h: HOUR, d: DAY }[match[2] as 's' | 'm' | 'h' | 'd'];
}
