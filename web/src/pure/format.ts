// Numbers as people read them. Digits are never invented: a value keeps what it was told with.

const NARROW = '\u202f'; // between groups of digits, and before a unit
const MINUS = '\u2212';

function grouped(digits: string): string {
    return digits.length < 5 ? digits : digits.replace(/\B(?=(\d{3})+$)/g, NARROW);
}

/** 1234567.5 → "1 234 567.5"; `places` rounds, otherwise all digits stay. */
export function number(value: number | null | undefined, places?: number): string {
    if (value === null || value === undefined || !Number.isFinite(value)) return '–';
    let text = places === undefined ? String(Math.abs(value)) : Math.abs(value).toFixed(places);
    if (text.includes('e')) text = Math.abs(value).toLocaleString('en-US', { useGrouping: false, maximumFractionDigits: 12 });
    const [whole, fraction] = text.split('.');
    const negative = value < 0 && Number(text) !== 0;
    return (negative ? MINUS : '') + grouped(whole) + (fraction ? `.${fraction}` : '');
}

/** Four significant digits or so: for axes, sums and means, not for readings. */
export function rounded(value: number | null | undefined): string {
    if (value === null || value === undefined || !Number.isFinite(value)) return '–';
    const size = Math.abs(value);
    if (size === 0) return '0';
    const places = size >= 1000 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : size >= 1 ? 3 : 4;
    return number(Number(value.toFixed(places)));
}

export function quantity(value: number | null | undefined, unit: string): string {
    return value === null || value === undefined ? 'no value' : `${number(value)}${NARROW}${unit}`;
}

/** 1234567 → "1.23 M" */
export function compact(value: number | null | undefined): string {
    if (value === null || value === undefined || !Number.isFinite(value)) return '–';
    for (const [size, letter] of [[1e12, 'T'], [1e9, 'G'], [1e6, 'M'], [1e4, 'k']] as const)
        if (Math.abs(value) >= size) {
            const part = value / (letter === 'k' ? 1e3 : size);
            return `${part.toFixed(part >= 100 ? 0 : part >= 10 ? 1 : 2)}${NARROW}${letter}`;
        }
    return number(value, Number.isInteger(value) || Math.abs(value) >= 100 ? 0 : 1);
}

export function bytes(value: number | null | undefined): string {
    if (value === null || value === undefined || !Number.isFinite(value)) return '–';
    let size = value;
    for (const unit of ['B', 'KiB', 'MiB', 'GiB', 'TiB']) {
        if (size < 1024 || unit === 'TiB') return `${size.toFixed(unit === 'B' || size >= 100 ? 0 : 1)}${NARROW}${unit}`;
        size /= 1024;
    }
    return '–';
}

/** 93784 → "1 d 2 h"; the two greatest parts. */
export function duration(seconds: number | null | undefined): string {
    if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return '–';
    if (seconds < 1) return seconds <= 0 ? '0 s' : `${Math.max(1, Math.round(seconds * 1000))} ms`;
    if (seconds < 60) return `${Number(seconds.toFixed(seconds < 10 ? 1 : 0))} s`;
    const parts: string[] = [];
    let rest = Math.round(seconds);
    for (const [size, name] of [[86400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']] as const) {
        const count = Math.floor(rest / size);
        rest -= count * size;
        if (count > 0) parts.push(`${count} ${name}`);
        else if (parts.length > 0) break;
        if (parts.length === 2) break;
    }
    return parts.join(' ');
}

/** Never 100 % while something is missing, never 0 % while something is there. */
export function percent(part: number, whole: number): string {
    if (!(whole > 0)) return '–';
    const share = part / whole * 100;
    if (part > 0 && share < 0.1) return '< 0.1 %';
    if (part < whole && share > 99.9) return '> 99.9 %';
    return `${Number(share.toFixed(1))} %`;
}

export function plural(count: number, one: string, many = `${one}s`): string {
    return `${number(count)} ${count === 1 ? one : many}`;
}

/** "average_like_day_scaled" → "average like day, scaled" */
export function words(name: string): string {
    return name.replace(/_scaled$/, ', scaled').replace(/_/g, ' ');
}
